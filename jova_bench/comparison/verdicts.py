"""Derives verdicts on b from pairs of columns: one paired test each, Holm over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jova_bench.comparison.pairing import ALPHA, Change, Pair, PairedTest, clips_test, lost_set, sets_test
from jova_bench.errors import EXIT_INCOMPLETE, EXIT_NOT_COMPARABLE, EXIT_OK, EXIT_REGRESSION, Undefined
from jova_bench.metrics.base import SetMetric
from jova_bench.records import MetricSpec, Outcome
from jova_bench.stats import holm

Verdict = Literal["better", "worse", "no difference shown", "underpowered", "not comparable", "undefined", "failed"]
"""`worse` also where clips that had a value have none. `underpowered`: no difference, however large, could have been
shown with so few prompts among so many tests. `undefined`, `failed`: a has no value, so there is nothing to compare
with; `failed` where the question could not even be asked of some clip."""

UNKNOWN_SIDE = "the value changed, but which side is nearer the real clips is unknown: neither run has the model `real`"


NOTHING = "No metric has a value on both sides: nothing was measured, so nothing was compared."


@dataclass(frozen=True)
class Comparison:
    """Holds the comparison of one pair of models on one metric."""

    model: str
    """Name of the model, or `a → b` where the two differ."""
    spec: MetricSpec
    verdict: Verdict
    reason: str | None = None
    """Reason of the verdict."""
    a: float | None = None
    """Mean of a over the paired prompts, or distance of their set."""
    b: float | None = None
    delta: float | None = None
    """Difference b - a."""
    ci: tuple[float, float] | None = None
    """95 % interval of the difference."""
    p: float | None = None
    p_holm: float | None = None
    min_detectable: float | None = None
    """Difference that this test, among all of the table, detects with 80 % power; None when it detects none."""
    favours: Literal["a", "b"] | None = None
    """Side favoured by the paired test, on clips valid on both sides."""
    from_real: bool = False
    """Whether a, b and delta are of |value - value of the real clip|."""
    n: int = 0
    """Number of prompts in the test."""
    lost: int = 0
    """Number of clips with a value in a alone."""
    gained: int = 0
    """Number of clips with a value in b alone."""
    worst: tuple[Change, ...] = ()
    """Up to five clips: lost ones, then those that deteriorated most."""


@dataclass(frozen=True)
class ComparisonRow:
    """Holds a row of the table before its test."""

    model: str
    spec: MetricSpec
    found: Pair | None
    """Paired columns; None when they do not compare."""
    why_not: str | None = None
    """Reason why the columns do not compare."""
    metric: SetMetric | None = None
    """Set metric that measures the distance; None for a clip metric."""
    lengths: Mapping[str, int] = field(default_factory=dict)
    """Length of each prompt's transcript."""


def judge_all(rows: Sequence[ComparisonRow]) -> tuple[Comparison, ...]:
    """Tests all rows, which share one error rate of `ALPHA`."""
    nothing = [_nothing(one) for one in rows]
    tests = sum(one.found is not None and why is None for one, why in zip(rows, nothing, strict=True))
    tested = [
        None if one.found is None or why is not None else _paired_test(one, one.found, tests)
        for one, why in zip(rows, nothing, strict=True)
    ]
    p_holm = iter(holm([one.result.p for one in tested if isinstance(one, PairedTest)]).tolist())
    found = []
    for one, why, test in zip(rows, nothing, tested, strict=True):
        if one.found is None:
            found.append(Comparison(one.model, one.spec, "not comparable", one.why_not))
        elif isinstance(test, PairedTest):
            found.append(_with_test(one, one.found, test, next(p_holm)))
        else:
            found.append(_without_test(one, one.found, why, test))
    return tuple(found)


def exit_code(verdicts: Iterable[str], failed: int) -> int:
    """Returns 3 when anything is worse, else 4 not comparable, else 5 underpowered or samples failed, else 0.

    Args:
        verdicts: verdicts of all rows.
        failed: number of samples without a clip.
    """
    found = set(verdicts)
    if "worse" in found:
        return EXIT_REGRESSION
    if "not comparable" in found:
        return EXIT_NOT_COMPARABLE
    return EXIT_INCOMPLETE if failed or "underpowered" in found else EXIT_OK


def unmeasured(verdicts: Iterable[str]) -> bool:
    """Returns whether no metric has a value on both sides, so that nothing was compared."""
    return set(verdicts) <= {"undefined", "failed"}


def _nothing(one: ComparisonRow) -> Outcome | None:
    """Returns the reason why there is nothing to test, or None."""
    if one.found is None:
        return None
    if not one.found.a:
        return one.found.why_none or Outcome(status="undefined", reason="no clip has a value on both sides")
    return lost_set(one.found, one.metric) if one.metric else None


def _paired_test(one: ComparisonRow, found: Pair, tests: int) -> PairedTest | str:
    """Runs the test, or returns why it is impossible though both distances exist."""
    if one.metric is None:
        return clips_test(found, one.lengths, tests)
    try:
        return sets_test(found, one.metric, tests)
    except Undefined as error:
        return f"no interval, as the distance is undefined without any one prompt: {error}"


def _with_test(one: ComparisonRow, found: Pair, test: PairedTest, p_holm: float) -> Comparison:
    result = test.result
    favours: Literal["a", "b"] | None = None
    if p_holm <= ALPHA and found.good is not None:
        favours = "b" if (result.delta > 0) == (found.good == "up") else "a"
    verdict: Verdict
    reason: str | None = None
    if found.lost:
        verdict, reason = "worse", _describe_lost(found)
    elif favours is not None:
        verdict = "better" if favours == "b" else "worse"
    elif p_holm <= ALPHA:
        verdict, reason = "not comparable", UNKNOWN_SIDE
    elif result.min_detectable is None:
        verdict, reason = "underpowered", f"{result.n_pairs} prompts are too few for the number of tests in the table"
    else:
        verdict = "no difference shown"
    return Comparison(
        model=one.model,
        spec=one.spec,
        verdict=verdict,
        reason=reason,
        a=test.a,
        b=test.b,
        delta=result.delta,
        ci=result.ci,
        p=result.p,
        p_holm=p_holm,
        min_detectable=result.min_detectable,
        favours=favours,
        from_real=found.from_real,
        n=result.n_pairs,
        lost=len(found.lost),
        gained=found.gained,
        worst=found.worst(),
    )


def _without_test(one: ComparisonRow, found: Pair, nothing: Outcome | None, untested: str | None) -> Comparison:
    verdict: Verdict
    if found.lost:
        verdict, reason = "worse", _describe_lost(found)
    elif nothing is None:
        verdict, reason = "underpowered", untested or ""
    else:
        verdict = "failed" if nothing.status == "failed" else "undefined"
        reason = nothing.reason or ""
    return Comparison(
        one.model, one.spec, verdict, reason, lost=len(found.lost), gained=found.gained, worst=found.worst()
    )


def _describe_lost(found: Pair) -> str:
    """Describes how many clips have no value any more, and why."""
    reasons = Counter(change.reason for change in found.lost)
    why = "; ".join(f"{reason} ({count})" for reason, count in reasons.items())
    return f"{len(found.lost)} clip{'s' * (len(found.lost) > 1)} lost: {why}"
