"""Counts the clips of each model, and their findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from jova_bench.records import Sample
from jova_bench.summary import AttemptCounts

ABOUT_CLIPS = (
    "A clip that cannot be read, or is not what its model's plan says, is failed. What a reader should know of the "
    "others is counted by its name."
)


@dataclass(frozen=True)
class ClipCounts:
    """Counts the samples of one model."""

    asked: int
    failed: int
    """Those without a clip."""
    findings: Mapping[str, int]
    """Number of clips by code of finding."""
    load_s: float | None
    """Median time of loading the weights, where reported; no part of the time per clip."""
    refused: int = 0
    """Those of the failed that the model refused."""

    def record(self) -> dict[str, Any]:
        """Returns the counts as JSON values; refusals where there are any."""
        return {name: value for name, value in asdict(self).items() if name != "refused" or value}


def count_clips(samples: Iterable[Sample]) -> dict[str, ClipCounts]:
    """Counts samples by model."""
    by_model: dict[str, list[Sample]] = {}
    for sample in samples:
        by_model.setdefault(sample.model, []).append(sample)
    return {model: _counts(of_model) for model, of_model in by_model.items()}


def _counts(samples: Sequence[Sample]) -> ClipCounts:
    codes = Counter(code for sample in samples for code in {finding.code for finding in sample.findings})
    loads = [sample.load_s for sample in samples if sample.load_s is not None]
    failed, refused = sum(one.status != "ok" for one in samples), sum(one.status == "refused" for one in samples)
    load_s = median(loads) if loads else None
    return ClipCounts(len(samples), failed, dict(sorted(codes.items())), load_s, refused)


def clips_rows(
    models: Sequence[str], found: Mapping[str, ClipCounts], attempts: Sequence[AttemptCounts] = ()
) -> tuple[list[str], list[list[str]]]:
    """Returns header and rows: each model's clips that were requested, made and failed, and clips by finding.

    Refusals and attempts have a column where there are any to tell. A model without records has no row.
    """
    codes = sorted({code for one in found.values() for code in one.findings})
    refusals = any(one.refused for one in found.values())
    tries = {one.model: f"{one.attempts:,} at {one.samples:,}" for one in attempts}
    again = any(one.attempts > one.samples for one in attempts)
    body = []
    for model in models:
        if model in found:
            one = found[model]
            made = [one.asked, one.asked - one.failed, one.failed, *[one.refused] * refusals]
            noticed = (one.findings.get(code, 0) for code in codes)
            body.append([model, *map(str, made), *[tries.get(model, "")] * again, *map(str, noticed)])
    more = [*["of them refused"] * refusals, *["Attempts at samples"] * again]
    return ["Model", "Asked", "Made", "Failed", *more, *(code.replace("_", " ") for code in codes)], body
