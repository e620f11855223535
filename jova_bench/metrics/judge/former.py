"""Keeps columns of judges that a run folder has and that its rubrics no longer lay down, or another model answers.

What was answered stands, under its own identity, beside the column that took its name. Nothing more is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jova_bench.errors import Unavailable
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, Metric
from jova_bench.metrics.judge.names import is_judge
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

WHY = "the rubric or its model is another now: nothing more is asked"


class FormerJudge(ClipMetric):
    """A column of answers."""

    def __init__(self, spec: MetricSpec) -> None:
        """Takes what the run folder says of the column."""
        self.spec = spec

    def check(self) -> str:
        """Returns why there are no more answers."""
        return WHY

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Raises Unavailable."""
        raise Unavailable(WHY)


def former_judges(known: Iterable[MetricSpec], metrics: Sequence[Metric]) -> list[FormerJudge]:
    """Returns the judges among the metrics that a folder knows that are not among those of now."""
    now = {metric.spec.identity for metric in metrics}
    return [FormerJudge(spec) for spec in known if is_judge(spec.name) and spec.identity not in now]
