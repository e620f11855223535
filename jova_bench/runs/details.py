"""Adds to estimates of clip metrics what stands beside a mean, such as how far a judge's repeats agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from jova_bench.errors import reason_of
from jova_bench.keys import ColumnKey, PromptSeed, SampleKey
from jova_bench.metrics.base import ClipMetric, Metric
from jova_bench.progress import Progress
from jova_bench.records import Outcome, Sample
from jova_bench.runs.estimates import ClipResult
from jova_bench.runs.finite import mean_details
from jova_bench.suites.folder import asked_for
from jova_bench.suites.loading import Suite
from jova_bench.summary import Estimate


def with_details(
    found: Iterable[Estimate],
    metrics: Sequence[Metric],
    columns: Mapping[ColumnKey, Mapping[PromptSeed, ClipResult]],
    samples: Sequence[Sample],
    suite: Suite,
    progress: Progress,
) -> tuple[Estimate, ...]:
    """Returns the estimates, those over all prompts with their metric's details.

    Args:
        found: estimates.
        metrics: of this process, with the cache that the clips were scored with.
        columns: what each clip gave.
        samples: of the run, which have the digests of its clips.
        suite: prompts.
        progress: hears of details that could not be found.
    """
    prompts = {prompt.id: asked_for(prompt) for prompt in suite.prompts}
    clips = {sample.key: sample.clip_digest for sample in samples}
    detailed = {
        metric.spec.identity: metric
        for metric in metrics
        if isinstance(metric, ClipMetric) and type(metric).details is not ClipMetric.details
    }

    def one(estimate: Estimate) -> Estimate:
        metric = detailed.get(estimate.identity)
        if metric is None or estimate.slice is not None:
            return estimate
        ok = [
            (digest, prompts[cell.prompt_id])
            for cell, part in columns[estimate.column].items()
            if isinstance(part, Outcome)
            and part.status == "ok"
            and (digest := clips.get(SampleKey(estimate.model, *cell)))
        ]
        try:
            extra = mean_details([metric.details(ok)])
        except Exception as error:  # The values are there all the same.
            progress.say(f"{metric.spec.name}: no details: {reason_of(error)}")
            return estimate
        return estimate.model_copy(update={"extra": extra})

    return tuple(one(estimate) for estimate in found)
