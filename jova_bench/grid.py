"""The grid of clips and metrics in a run folder: finds its gaps, has them scored, and records what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from jova_bench.aggregate import Cell, Part
from jova_bench.executors import Executor
from jova_bench.folder import asked_for
from jova_bench.metrics.base import FeatureCache, lacking
from jova_bench.metrics.reference import no_reference
from jova_bench.progress import Progress
from jova_bench.scoring import OUTSIDE, Job, Load, Metric, embed_real, score_clips, stored_features
from jova_bench.store import SAMPLES, RunStore
from jova_bench.suites import Suite
from jova_bench.types import BenchError, MetricSpec, Outcome, Prompt, Sample, Score, reason_of

Key = tuple[str, str, int, str]
"""(model, prompt id, seed, metric identity)."""


@dataclass
class Grid:
    """Everything known of every clip; rows of clip metrics are on disk, parts of set metrics in the cache."""

    store: RunStore
    specs: Mapping[str, MetricSpec]
    """By identity."""
    rows: dict[Key, Score]
    """Clip metrics."""
    sets: dict[Key, Part]
    """Set metrics."""

    def keep(self, sample: tuple[str, str, int], identity: str, part: Part) -> None:
        """Records one cell; a retry that ends as before adds nothing to the records."""
        model, prompt_id, seed = sample
        spec, key = self.specs[identity], (model, prompt_id, seed, identity)
        if spec.level == "set" or not isinstance(part, Outcome):
            self.sets[key] = part
            return
        row = Score(
            model=model,
            prompt_id=prompt_id,
            seed=seed,
            metric=spec.name,
            identity=identity,
            status=part.status,
            value=part.value,
            reason=part.reason,
        )
        if self.rows.get(key) != row:
            self.store.add_score(row)
            self.rows[key] = row

    def columns(self) -> dict[tuple[str, str], dict[Cell, Part]]:
        """By (model, metric identity): what each (prompt id, seed) gives."""
        found: dict[tuple[str, str], dict[Cell, Part]] = {}
        for (model, prompt_id, seed, identity), row in self.rows.items():
            found.setdefault((model, identity), {})[prompt_id, seed] = row.outcome()
        for (model, prompt_id, seed, identity), part in self.sets.items():
            found.setdefault((model, identity), {})[prompt_id, seed] = part
        return found


def fill(
    store: RunStore,
    suite: Suite,
    metrics: Sequence[Metric],
    cache: FeatureCache,
    load: Load,
    executor: Executor,
    progress: Progress,
) -> Grid:
    """Scores whatever is missing or failed before.

    Args:
        store: the run folder.
        suite: prompts and references.
        metrics: of this process, in the order of the table.
        cache: shared with the workers.
        load: builds metrics and cache in a worker.
        executor: where clips are scored.
        progress: told of each clip, once for each network.
    """
    rows = {(s.model, s.prompt_id, s.seed, s.identity): s for s in store.scores()}
    grid = Grid(store, {metric.spec.identity: metric.spec for metric in metrics}, rows, {})
    why_not = {metric.spec.identity: why for metric in metrics if (why := _why_not(metric)) is not None}
    told: dict[str, dict[str, None]] = {}
    for identity, spec in grid.specs.items():
        if reason := lacking(no_reference(spec), why_not.get(identity)):
            told.setdefault(reason, {})[_called(spec)] = None
    for reason, names in told.items():
        progress.say(f"{', '.join(names)}: {reason}")
    clips = []
    samples = store.samples()
    known = {prompt.id for prompt in suite.prompts}
    if strange := next((sample.prompt_id for sample in samples if sample.prompt_id not in known), None):
        what = f"expected samples of the suite's prompts, got one of {strange!r}; delete the lines of that prompt"
        raise BenchError(f"{store.folder / SAMPLES}: {what}")
    for sample in _in_order(samples, suite):
        gaps = tuple(_gaps(grid, sample, suite, cache, why_not))
        if gaps:
            clips.append(_job(sample, suite, store, gaps))
    jobs = _by_network(clips, grid.specs)
    number = {(job.sample, identity): i for i, job in enumerate(jobs) for identity in job.identities}
    left = [len(job.identities) for job in jobs]
    with progress.phase("score", len(jobs)) as advance:
        for job, findings in score_clips(jobs, load, executor):
            for identity, part in findings.items():
                grid.keep(job.sample, identity, part)
                left[number[job.sample, identity]] -= 1
                if not left[number[job.sample, identity]]:
                    advance()
    asked = {identity for (_, _, _, identity), part in grid.sets.items() if not isinstance(part, Outcome)}
    embed_real([metric for metric in metrics if metric.spec.identity in asked], load, executor, progress)
    return grid


def _by_network(clips: Sequence[Job], specs: Mapping[str, MetricSpec]) -> list[Job]:
    """All clips for the metrics of one evaluator before those of the next, in the order of the table.

    The evaluators of the papers take gigabytes, and `metrics.resident` keeps one of them in memory: with all metrics
    of a clip in one job, each clip would load each of them anew. Embedded evaluators are tiny and stay; theirs and
    the metrics without weights share one job, so that those clips are decoded once.
    """

    def network(identity: str) -> str:
        spec = specs[identity]
        return "" if spec.profile == "embedded" or spec.weights is None else spec.backend

    networks = dict.fromkeys(map(network, specs))
    return [
        replace(job, identities=chosen)
        for one in networks
        for job in clips
        if (chosen := tuple(identity for identity in job.identities if network(identity) == one))
    ]


def _gaps(grid: Grid, sample: Sample, suite: Suite, cache: FeatureCache, why_not: Mapping[str, str]) -> Iterator[str]:
    """Identities for which a clip must be measured; records those that can be told without it."""
    key = (sample.model, sample.prompt_id, sample.seed)
    for identity, spec in grid.specs.items():
        row = grid.rows.get((*key, identity))
        if row is not None and row.status != "failed":
            continue
        if sample.clip is None or sample.clip_digest is None:
            grid.keep(key, identity, Outcome(status="failed", reason=f"no clip: {sample.reason}"))
        elif spec.profile == "embedded" and suite.domain != "embedded":
            # Before the question whether the evaluator is installed: nothing that could be would answer.
            grid.keep(key, identity, Outcome(status="undefined", reason=OUTSIDE))
        elif nothing_to_compare_with := no_reference(spec):
            # With weights that are missing, too, so that both are mended at one go.
            reason = lacking(nothing_to_compare_with, why_not.get(identity))
            grid.keep(key, identity, Outcome(status="undefined", reason=reason))
        elif identity in why_not:
            grid.keep(key, identity, Outcome(status="failed", reason=why_not[identity]))
        elif spec.level == "clip":
            yield identity
        else:
            features = stored_features(cache, sample.clip_digest, identity, suite.domain)
            if features is None:
                yield identity
            else:
                grid.keep(key, identity, features)


def _with_image(prompt: Prompt | None, suite: Suite) -> Prompt | None:
    """A metric knows no suite, so it is told where the reference image lies."""
    if prompt is None or prompt.image is None:
        return prompt
    return prompt.model_copy(update={"image": str(suite.path(prompt.image).resolve())})


def _called(spec: MetricSpec) -> str:
    return spec.name if spec.protocol == "clean" else f"{spec.name}@{spec.protocol.partition('@')[0]}"


def _why_not(metric: Metric) -> str | None:
    """Why a metric cannot run here; one that cannot even say so has crashed."""
    try:
        return metric.check()
    except Exception as error:
        return reason_of(error)


def _in_order(samples: Sequence[Sample], suite: Suite) -> list[Sample]:
    """By prompt first, so that a reference is decoded once for all models."""
    position = {prompt.id: index for index, prompt in enumerate(suite.prompts)}
    return sorted(samples, key=lambda sample: (position[sample.prompt_id], sample.seed, sample.model))


def _job(sample: Sample, suite: Suite, store: RunStore, identities: tuple[str, ...]) -> Job:
    prompt = next(prompt for prompt in suite.prompts if prompt.id == sample.prompt_id)
    if sample.clip is None or PurePosixPath(sample.clip).is_absolute() or ".." in PurePosixPath(sample.clip).parts:
        what = f"expected a clip inside the folder, got {sample.clip!r} of {sample.model}; delete the line"
        raise BenchError(f"{store.folder / SAMPLES}: {what}")
    return Job(
        sample=(sample.model, sample.prompt_id, sample.seed),
        clip=store.folder / sample.clip,
        timing=sample.timing,
        prompt=_with_image(asked_for(prompt), suite),
        reference=suite.path(prompt.reference) if prompt.reference else None,
        domain=suite.domain,
        identities=identities,
    )
