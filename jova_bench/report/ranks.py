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


Ranks = Mapping[Identity, Mapping[str, Rank]]
"""Ranks by metric identity, by model; metrics with a value for fewer than two models are missing."""


def ranks(
    results: Results,
    models: Sequence[str],
    sets: Mapping[Identity, SetMetric],
    identities: Collection[Identity] | None = None,
    among: Sequence[str] | None = None,
) -> Ranks:
    """Ranks models by paired tests of every pair, with Holm over the pairs of each metric.

    A model stands before another only if it also has a value wherever the other has one. What the tests say of two
    models depends on `models` alone: leaving rows or columns of a table out makes no difference significant.

    Args:
        results: of one run.
        models: whose pairs are tested.
        sets: set metrics by identity.
        identities: metrics to rank in; None for all.
        among: models that are ranked among each other; None for all that are tested.
    """
    found: dict[Identity, dict[str, Rank]] = {}
    for spec in results.specs.values():
        if identities is not None and spec.identity not in identities:
            continue
        valued = [model for model in models if _has_value(results, model, spec.identity)]
        if len(valued) < 2:
            continue
        pairs = list(combinations(valued, 2))
        rows = compared(results, results, pairs, [spec], sets)
        orders = [order for pair, row in zip(pairs, rows, strict=True) if (order := _order(pair, row))]
        shown = [model for model in valued if among is None or model in among]
        orders = [order for order in orders if set(order) <= set(shown)]
        found[spec.identity] = {
            model: Rank(
                first=1 + sum(after == model for _, after in orders),
                last=len(shown) - sum(before == model for before, _ in orders),
                of=len(shown),
            )
            for model in shown
        }
    return found


def _has_value(results: Results, model: str, identity: Identity) -> bool:
    parts = results.columns.get(ColumnKey(model, identity), {}).values()
    return any(not isinstance(part, Outcome) or part.value is not None for part in parts)


def _order(pair: tuple[str, str], row: Comparison) -> tuple[str, str] | None:
    """Returns (before, after) where a test distinguishes the two models, else None."""
    a, b = pair
    if row.favours == "a" and not row.gained:
        return a, b
    return (b, a) if row.favours == "b" and not row.lost else None
