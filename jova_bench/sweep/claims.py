"""Combines several trainings of two arms into a claim. Prompts vary checkpoints; only trainings vary a method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from jova_bench.comparison.verdicts import Comparison
from jova_bench.formatting.text import decimals, signed
from jova_bench.records import MetricSpec

AGREED = ("better", "worse", "no difference shown")
"""Verdicts that all pairs may agree on."""


@dataclass(frozen=True)
class PairOfTrainings:
    """Holds the paired test over prompts of one training of an arm against one of the base, for one metric."""

    arm: str
    seed: int | None
    base_seed: int | None
    comparison: Comparison


@dataclass(frozen=True)
class Claim:
    """Holds the verdict on one metric of one arm against the base, over all pairs of trainings."""

    arm: str
    spec: MetricSpec
    verdict: str
    """`better`, `worse` or `no difference shown` where all pairs agree and both sides have several trainings;
    `no claim` otherwise."""
    text: str
    """The verdict with its basis."""
    least: float | None
    """Smallest difference of means, arm - base, among the pairs; None where nothing was tested."""
    most: float | None
    pairs: int


def claim(pairs: Sequence[PairOfTrainings]) -> Claim:
    """Derives the claim on one metric of one arm.

    Args:
        pairs: every training of the arm with every training of the base, at least one pair.
    """
    first = pairs[0]
    said = Counter(pair.comparison.verdict for pair in pairs)
    changes = [pair.comparison.delta for pair in pairs if pair.comparison.delta is not None]
    least, most = (min(changes), max(changes)) if changes else (None, None)
    several = len({pair.seed for pair in pairs}) > 1 and len({pair.base_seed for pair in pairs}) > 1
    (verdict, count), *others = said.most_common()
    stands = "no claim"
    if others:
        parts = ", ".join(f"{one} in {number}" for one, number in said.most_common())
        text = f"no claim: {parts} of {len(pairs)} pairs of trainings"
    elif several:
        stands = verdict if verdict in AGREED else "no claim"
        text = f"{verdict} in all {count} pairs of trainings"
    elif first.seed is None:
        text = f"{verdict} (one checkpoint)"
    else:
        where = "the one pair" if count == 1 else f"all {count} pairs"
        text = f"{verdict} in {where}, but with one training on a side: these checkpoints only"
    return Claim(first.arm, first.comparison.spec, stands, text, least, most, len(pairs))


def spread(one: Claim) -> str:
    """Formats the range of the differences: `+0.10 to +0.17`."""
    if one.least is None or one.most is None:
        return ""
    places = decimals(max(abs(one.least), abs(one.most)), None)
    ends = [signed(value, places) for value in (one.least, one.most)]
    return ends[0] if one.pairs == 1 or ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
