"""Computes rank ranges: how many models a paired test puts before and after each, metric by metric.

A single rank would claim more than was measured: two models that no test distinguishes share a range. Controls are
shown, not ranked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from jova_bench.comparison.compare import compared
from jova_bench.comparison.results import Results
from jova_bench.comparison.verdicts import Comparison
from jova_bench.identity import Identity
from jova_bench.keys import ColumnKey
from jova_bench.metrics.base import SetMetric
from jova_bench.records import Outcome


@dataclass(frozen=True)
class Rank:
    """Holds the rank range of a model in one metric."""

    first: int
    """1 + the number of models that a test puts before this one."""
    last: int
    """The number of ranked models less those that a test puts after this one."""
    of: int
    """Number of ranked models."""

    @property
    def text(self) -> str:
        """Formats `2`, or `1–3`."""
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"

    @property
    def best(self) -> bool:
        """Returns whether a test puts the model before every other."""
        return self.of > 1 and self.last == 1


LOST = {"set": "the run no longer has their features", "clip": "the run no longer has the transcripts of its prompts"}
"""Why distances of sets and rates of words are not tested in a folder without these, such as a published one."""
Ranks = Mapping[Identity, Mapping[str, Rank]]
"""Ranks by metric identity, by model; metrics with a value for fewer than two models are missing."""


def ranks(
    results: Results,
    models: Sequence[str],
    sets: Mapping[Identity, SetMetric],
    identities: Collection[Identity] | None = None,
    among: Sequence[str] | None = None,
) -> tuple[Ranks, Mapping[Identity, str]]:
    """Ranks models by paired tests of every pair, with Holm over the pairs of each metric.

    A model stands before another only if it also has a value wherever the other has one. What the tests say of two
    models depends on `models` alone: leaving rows or columns of a table out makes no difference significant.

    Args:
        results: of one run.
        models: whose pairs are tested.
        sets: set metrics by identity.
        identities: metrics to rank in; None for all.
        among: models that are ranked among each other; None for all that are tested.

    Returns:
        The ranks, and why tests of shown models are missing, by metric; a metric without any test has no ranks.
    """
    found: dict[Identity, dict[str, Rank]] = {}
    untested: dict[Identity, str] = {}
    for spec in results.specs.values():
        if identities is not None and spec.identity not in identities:
            continue
        valued = [model for model in models if _has_value(results, model, spec.identity)]
        if len(valued) < 2:
            continue
        pairs = list(combinations(valued, 2))
        rows = compared(results, results, pairs, [spec], sets)
        shown = [model for model in valued if among is None or model in among]
        of_shown = [(pair, row) for pair, row in zip(pairs, rows, strict=True) if set(pair) <= set(shown)]
        without = [row for _, row in of_shown if row.verdict == "not comparable" and row.p is None]
        if without:
            gone = set(results.gone.values())
            reasons = dict.fromkeys(LOST[spec.level] if row.reason in gone else row.reason or "" for row in without)
            untested[spec.identity] = "; ".join(reasons)
            if len(without) == len(of_shown):
                continue
        orders = [order for pair, row in of_shown if (order := _order(pair, row))]
        found[spec.identity] = {
            model: Rank(
                first=1 + sum(after == model for _, after in orders),
                last=len(shown) - sum(before == model for before, _ in orders),
                of=len(shown),
            )
            for model in shown
        }
    return found, untested


def _has_value(results: Results, model: str, identity: Identity) -> bool:
    if ColumnKey(model, identity) in results.gone:
        return True
    parts = results.columns.get(ColumnKey(model, identity), {}).values()
    return any(not isinstance(part, Outcome) or part.value is not None for part in parts)


def _order(pair: tuple[str, str], row: Comparison) -> tuple[str, str] | None:
    """Returns (before, after) where a test distinguishes the two models, else None."""
    a, b = pair
    if row.favours == "a" and not row.gained:
        return a, b
    return (b, a) if row.favours == "b" and not row.lost else None
