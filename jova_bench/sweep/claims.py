"""Combines several trainings of two arms into a claim. Prompts vary checkpoints; only trainings vary a method.

With few trainings, a claim needs that every training of the arm differs from every training of the base in the same
way. With `MANY` on each side the spread of trainings is known well enough for a test of their means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jova_bench.comparison.pairing import ALPHA
from jova_bench.comparison.verdicts import Comparison
from jova_bench.formatting.text import decimals, difference_text, number, range_text
from jova_bench.identity import Identity
from jova_bench.records import MetricSpec
from jova_bench.stats.paired import holm
from jova_bench.stats.unpaired import UnpairedResult, welch_test

MANY = 6
"""Trainings on each side from which a claim is a test over trainings."""

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
    test: UnpairedResult | None = None
    """Test over trainings, of the means over prompts; None with fewer than `MANY` on a side."""
    p_holm: float | None = None
    """p-value of the test, adjusted over the arm's metrics."""


def claim(pairs: Sequence[PairOfTrainings]) -> Claim:
    """Derives the claim on one metric of one arm.

    Args:
        pairs: every training of the arm with every training of the base, at least one pair.
    """
    first = pairs[0]
    verdicts = Counter(pair.comparison.verdict for pair in pairs)
    changes = [pair.comparison.delta for pair in pairs if pair.comparison.delta is not None]
    least, most = (min(changes), max(changes)) if changes else (None, None)
    several = len({pair.seed for pair in pairs}) > 1 and len({pair.base_seed for pair in pairs}) > 1
    (verdict, count), *others = verdicts.most_common()
    stands = "no claim"
    if others:
        parts = ", ".join(f"{one} in {number}" for one, number in verdicts.most_common())
        text = f"no claim: {parts} of {len(pairs)} pairs of trainings"
    elif several:
        stands = verdict if verdict in AGREED else "no claim"
        text = f"{verdict} in all {count} pairs of trainings"
    elif first.seed is None:
        text = f"{verdict} (one checkpoint)"
    else:
        where = "the one pair" if count == 1 else f"all {count} pairs"
        text = f"{verdict} in {where}, but with one training on a side: these checkpoints only"
    if only := sum(pair.comparison.lost > 0 and pair.comparison.favours != "a" for pair in pairs):
        text += f"; {only} worse only by clips that cannot be scored"
    return Claim(first.arm, first.comparison.spec, stands, text, least, most, len(pairs))


def claims_over_trainings(
    arm: str, specs: Sequence[MetricSpec], values: Mapping[Identity, tuple[Sequence[float], Sequence[float]]]
) -> tuple[Claim, ...]:
    """Derives the claims on all metrics of an arm that was trained many times.

    Args:
        arm: label of the arm.
        specs: metrics, in the order of the table.
        values: means over prompts of each training of the arm and of the base, by identity.
    """
    tests = {
        spec.identity: welch_test(*values[spec.identity], tests=len(specs))
        for spec in specs
        if min(map(len, values[spec.identity])) >= MANY
    }
    known = [identity for identity, test in tests.items() if test is not None]
    adjusted = dict(zip(known, holm([test.p for test in tests.values() if test is not None]).tolist(), strict=True))
    return tuple(_tested(arm, spec, tests.get(spec.identity), adjusted.get(spec.identity)) for spec in specs)


def _tested(arm: str, spec: MetricSpec, test: UnpairedResult | None, p_holm: float | None) -> Claim:
    if test is None or p_holm is None:
        text = f"no claim: fewer than {MANY} trainings on a side have a value, or all values are equal"
        return Claim(arm, spec, "no claim", text, None, None, 0)
    places = decimals(max(map(abs, test.ci)), None)
    basis = f"over {test.n[0]} and {test.n[1]} trainings (p = {p_holm:.2g})"
    if p_holm > ALPHA:
        verdict = "no difference shown"
        text = f"{verdict} {basis}; detectable: {number(test.min_detectable, places)}"
    elif spec.direction in ("up", "down"):
        verdict = "better" if (test.delta > 0) == (spec.direction == "up") else "worse"
        text = f"{verdict} {basis}"
    else:
        verdict, text = "no claim", f"different {basis}, but no direction of this metric is better"
    return Claim(arm, spec, verdict, text, None, None, 0, test, p_holm)


def spread(one: Claim) -> str:
    """Formats the range of the differences, `+0.10 to +0.17`, or the mean difference and its interval."""
    if one.test is not None:
        return difference_text(one.test.delta, one.test.ci)
    return "" if one.least is None or one.most is None else range_text(one.least, one.most)
