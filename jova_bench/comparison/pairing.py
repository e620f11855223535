"""Pairs one metric of two models, a and b, on the same clips, and runs the paired test.

The difference is b - a. A prompt counts with the seeds for which both models have a value, so that a model whose
bad clips have no value gains nothing by it; such clips are `lost`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.errors import Undefined, reason_of
from jova_bench.keys import PromptSeed
from jova_bench.metrics.base import SetMetric
from jova_bench.records import MetricSpec, Outcome, Status
from jova_bench.runs.estimates import ClipResult, distances, feature_grid, mean_distance, seeds_mean
from jova_bench.stats import Draws, PairedResult, paired_test, paired_test_of_chosen

ALPHA = 0.05
"""Error rate that all tests of a table share."""
SWAPS = 512
"""Swaps of a set test, all there are for 9 prompts; more where many tests share ALPHA and p could not get small."""
WORST = 5

Columns = Mapping[PromptSeed, ClipResult]


@dataclass(frozen=True)
class Change:
    """Holds the change of one clip."""

    prompt_id: str
    seed: int
    change: float | None
    """b - a, in the metric's unit; None when b has no value."""
    reason: str | None = None
    """Reason why b has no value."""


@dataclass(frozen=True)
class Pair:
    """Holds two columns of one metric, reduced to the clips with a value or features on both sides."""

    spec: MetricSpec
    good: Literal["up", "down"] | None
    """Direction of improvement; None for a `target` metric without real clips."""
    from_real: bool
    """Whether the values are distances from the real clip's value of the same prompt."""
    a: Columns
    b: Columns
    lost: tuple[Change, ...]
    """Clips for which only a has a value or features."""
    gained: int
    """Number of clips for which only b has a value or features."""
    why_none: Outcome | None
    """Outcome of the clips for which a has nothing; None when it has something for each."""

    @property
    def prompts(self) -> list[str]:
        """Returns the sorted ids of the prompts with at least one pair."""
        return sorted({prompt_id for prompt_id, _ in self.a})

    def worst(self) -> tuple[Change, ...]:
        """Returns up to five clips: lost ones, then those that deteriorated most."""
        moved = [
            Change(*cell, change)
            for cell in sorted(self.a)
            if (change := _difference(self.a[cell], self.b[cell])) is not None and self._harm(change) > 0
        ]
        return (*self.lost, *sorted(moved, key=lambda one: -self._harm(one.change or 0.0)))[:WORST]

    def _harm(self, change: float) -> float:
        return abs(change) if self.good is None else change * (-1 if self.good == "up" else 1)


class Sides(NamedTuple):
    """What reasons call the two sides."""

    a: str
    b: str


A_AND_B = Sides("A", "B")


def pair(spec: MetricSpec, a: Columns, b: Columns, real: Columns | None, sides: Sides = A_AND_B) -> Pair:
    """Pairs two columns of the same clips.

    Args:
        spec: the metric.
        a: column of one model.
        b: column of the other.
        real: column of the real clips, for metrics with a target; None when those were not measured.
        sides: what reasons call them.
    """
    from_real = spec.direction == "target" and real is not None
    if from_real and real is not None:
        a, b = _from_real(a, real), _from_real(b, real)
    both = [cell for cell in sorted(a) if _has(a[cell]) and _has(b[cell])]
    lost = [(cell, b[cell]) for cell in sorted(a) if _has(a[cell]) and not _has(b[cell])]
    target: Literal["down"] | None = "down" if from_real else None
    return Pair(
        spec=spec,
        good=target if spec.direction == "target" else spec.direction,
        from_real=from_real,
        a={cell: a[cell] for cell in both},
        b={cell: b[cell] for cell in both},
        lost=tuple(Change(*cell, None, part.reason) for cell, part in lost if isinstance(part, Outcome)),
        gained=sum(_has(b[cell]) and not _has(a[cell]) for cell in a),
        why_none=_why_none(a, b, sides),
    )


def _at(item: tuple[PromptSeed, ClipResult]) -> PromptSeed:
    return item[0]


def _why_none(a: Columns, b: Columns, sides: Sides) -> Outcome | None:
    """Returns failed where any clip of a failed, with its undefined clips, and with those that failed in b alone."""
    found = _reasons(a)
    if not any(found.values()):
        return None
    failed, undefined = found["failed"], found["undefined"]
    now = [f"failed in {sides.b}: {reason}" for reason in _reasons(b)["failed"] if reason not in failed]
    if not failed:
        return Outcome(status="undefined", reason="; ".join([*undefined, *now]))
    return Outcome(status="failed", reason="; ".join([*failed, *(f"undefined: {one}" for one in undefined), *now]))


def _reasons(column: Columns) -> dict[Status, list[str]]:
    """Returns the distinct reasons for missing values, by status."""
    found: dict[Status, dict[str, None]] = {"failed": {}, "undefined": {}}
    for _, part in sorted(column.items(), key=_at):
        if isinstance(part, Outcome) and part.reason is not None:
            found[part.status][part.reason] = None
    return {status: list(reasons) for status, reasons in found.items()}


def _has(part: ClipResult) -> bool:
    """Returns whether a clip has a value or features."""
    return not isinstance(part, Outcome) or part.value is not None


def _difference(a: ClipResult, b: ClipResult) -> float | None:
    if isinstance(a, Outcome) and isinstance(b, Outcome) and a.value is not None and b.value is not None:
        return b.value - a.value
    return None


def _from_real(column: Columns, real: Columns) -> Columns:
    """Computes |value - value of the real clip|, whatever the real clip's seed."""
    values = _by_prompt(real)
    failed = {
        cell.prompt_id: part.reason
        for cell, part in real.items()
        if isinstance(part, Outcome) and part.status == "failed"
    }
    found: dict[PromptSeed, ClipResult] = {}
    for cell, part in column.items():
        if isinstance(part, Outcome) and part.value is not None:
            if cell.prompt_id in values:
                part = Outcome(status="ok", value=abs(part.value - values[cell.prompt_id]))
            elif cell.prompt_id in failed:
                part = Outcome(status="failed", reason=f"the real clip: {failed[cell.prompt_id]}")
            else:
                part = Outcome(status="undefined", reason="the real clip has no value")
        found[cell] = part
    return found


def _by_prompt(column: Columns) -> dict[str, float]:
    """Returns the mean over seeds of each prompt with a value, in sorted order."""
    by_prompt: dict[str, list[float]] = {}
    for (prompt_id, _), part in sorted(column.items(), key=_at):
        if isinstance(part, Outcome) and part.value is not None:
            by_prompt.setdefault(prompt_id, []).append(part.value)
    return {prompt_id: seeds_mean(values) for prompt_id, values in by_prompt.items()}


@dataclass(frozen=True)
class PairedTest:
    """Holds the result of the test."""

    a: float
    b: float
    result: PairedResult


def clips_test(found: Pair, lengths: Mapping[str, int], tests: int) -> PairedTest:
    """Runs the sign-flip test of the mean difference.

    Args:
        found: has at least one prompt.
        lengths: length of each prompt's transcript, the weights of a micro average.
        tests: how many share ALPHA.
    """
    a, b = (np.array(list(_by_prompt(side).values())) for side in (found.a, found.b))  # (P,)
    weights = np.array([float(lengths[i]) for i in found.prompts]) if found.spec.micro else None
    # A rate of wrong words is a share, too.
    proportion = found.spec.proportion or found.spec.micro is not None
    result = paired_test(b, a, _draws(len(a)), weights, level=1 - ALPHA, proportion=proportion, tests=tests)
    return PairedTest(float(np.average(a, weights=weights)), float(np.average(b, weights=weights)), result)


# The same for every model and metric; two, because some clips may have no value.
@lru_cache(maxsize=2)
def _draws(prompts: int) -> Draws:
    return Draws(np.random.default_rng(0), prompts)


def sets_test(found: Pair, metric: SetMetric, tests: int) -> PairedTest:
    """Runs the permutation test for a distance of whole sets: swaps the two models' clips within prompts.

    Args:
        found: has at least one prompt.
        metric: measures the distance.
        tests: how many share ALPHA.

    Raises:
        Undefined: too few clips for the distance, or for its interval.
    """
    a, b = grids(found)
    swaps = max(SWAPS, round(2 * tests / ALPHA) - 1)
    statistic = distances(metric, np.concatenate([b, a]))
    result = paired_test_of_chosen(statistic, len(a), np.random.default_rng(0), swaps, 1 - ALPHA, tests)
    return PairedTest(mean_distance(metric, a), mean_distance(metric, b), result)


def grids(found: Pair) -> tuple[FloatArray, FloatArray]:
    """Returns the features of both sides in one shape."""
    seeds = sorted({seed for _, seed in found.a})
    rows = [[side.get(PromptSeed(i, seed)) for seed in seeds] for side in (found.a, found.b) for i in found.prompts]
    grid = feature_grid(rows)
    return grid[: len(rows) // 2], grid[len(rows) // 2 :]


def lost_set(found: Pair, metric: SetMetric) -> Outcome | None:
    """Returns the reason why there is no distance of the paired clips, or None."""
    try:
        for side in grids(found):
            mean_distance(metric, side)
    except Undefined as error:
        return Outcome(status="undefined", reason=str(error))
    except Exception as error:
        return Outcome(status="failed", reason=reason_of(error))
    return None
