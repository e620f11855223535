"""Compares two runs of the same prompts and seeds, metric by metric: whether b is better than a, worse, or neither."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.cache import NoCache
from jova_bench.comparison.asked import about_cards, another, differ, other_cards
from jova_bench.comparison.cells import about_attempts, detectable, metric_names, numbers, record, verdict_text
from jova_bench.comparison.pairing import A_AND_B, ALPHA, Sides, pair
from jova_bench.comparison.results import Results, members, read_results
from jova_bench.comparison.verdicts import NOTHING, Comparison, ComparisonRow, exit_code, judge_all, unmeasured
from jova_bench.errors import BenchError, NotComparable
from jova_bench.formatting.doors import listing
from jova_bench.formatting.messages import shown, suggest
from jova_bench.formatting.text import escaped, table
from jova_bench.identity import Identity
from jova_bench.keys import ColumnKey
from jova_bench.metrics.base import ClipMetric, MetricContext, SetMetric
from jova_bench.metrics.build import build_all
from jova_bench.metrics.distances.references import without_real
from jova_bench.records import MetricSpec
from jova_bench.registry import guarded
from jova_bench.runs.estimates import GONE
from jova_bench.runs.features import is_set_metric
from jova_bench.summary import AttemptCounts

if TYPE_CHECKING:
    import pandas as pd

REAL = "real"
"""Model whose values are the target of `target` metrics."""
Source = str | os.PathLike[str] | Results
Metrics = Sequence[str | ClipMetric | SetMetric]


@dataclass(frozen=True)
class Comparisons:
    """Holds the verdicts on every metric of every pair of models."""

    a: str
    """Folder or file of side a."""
    b: str
    rows: tuple[Comparison, ...]
    only_a: tuple[str, ...]
    """Models of a that are missing in b."""
    failed: int
    """Number of samples of the compared models of b without a clip."""
    of_slice: str | None = None
    """Slice `tag=value` of the compared prompts; None for all."""
    attempts: Mapping[str, tuple[AttemptCounts, ...]] = field(default_factory=dict)
    """How often compared models were asked in the whole run of side `a` or `b`, where readers have to know of it."""
    cards: tuple[str, str] | None = None
    """Generation cards of the suites of a and b, where they are known and differ."""

    @property
    def exit_code(self) -> int:
        """Returns 3 when anything is worse, else 4 not comparable, else 5 underpowered or samples failed, else 0."""
        return exit_code((row.verdict for row in self.rows), self.failed)

    def table(self) -> pd.DataFrame:
        """Returns one row per model and metric, with the fields of `record`."""
        import pandas as pd

        return pd.DataFrame([record(row) for row in self.rows])

    def record(self) -> dict[str, Any]:
        """Returns the comparison as JSON values."""
        rows = [record(row) for row in self.rows]
        about: dict[str, Any] = {"a": self.a, "b": self.b, "slice": self.of_slice, "alpha": ALPHA}
        about["only_a"] = list(self.only_a)
        if self.attempts:
            about["attempts"] = {
                side: [one.model_dump(mode="json") for one in found] for side, found in self.attempts.items()
            }
        if self.cards:
            about["cards"] = dict(zip("ab", self.cards, strict=True))
        return about | {"rows": rows}

    def markdown(self) -> str:
        """Formats the comparison as Markdown."""
        about = (
            f"A is {escaped(self.a)}, B is {escaped(self.b)}{self._of()}. Means over the prompts that have a value in "
            "both (sampling seeds averaged first), 95 % intervals, p after Holm over all tests of the table. They "
            "speak of these checkpoints, not of other trainings. Detectable: the difference that such a test finds "
            "four times in five."
        )
        if self.only_a:
            about += f" Models of A alone: {escaped(', '.join(self.only_a))}."
        about += about_cards(self.cards, A_AND_B) + about_attempts(self.attempts, A_AND_B)
        if unmeasured(row.verdict for row in self.rows):
            about += f" {NOTHING}"
        names = metric_names(self.rows)
        body = [
            [
                escaped(row.model),
                names[row.spec.identity],
                *numbers(row),
                detectable(row),
                str(row.n),
                verdict_text(row),
            ]
            for row in self.rows
        ]
        header = ["Model", "Metric", "A", "B", "B - A", "p (Holm)", "Detectable", "n", "B is"]
        return f"{about}\n\n{table(header, body)}\n"

    def _of(self) -> str:
        return "" if self.of_slice is None else f", both of the prompts with {escaped(self.of_slice)} alone"


def compare(
    a: Source,
    b: Source,
    metrics: Metrics | None = None,
    of_slice: str | None = None,
    assets: AssetTable | None = None,
    sides: Sides = A_AND_B,
) -> Comparisons:
    """Compares the models of two runs of the same prompts and seeds.

    One model on each side: these two, whatever their names. Otherwise models of the same name. Models and metrics
    that b alone has are left out.

    Args:
        a: run folder, a file made by `freeze`, or results.
        b: the other side.
        metrics: names, or objects of set metrics that the catalogue does not know; None for all.
        of_slice: `tag=value`, for the prompts that have it; None for all.
        assets: weights of metrics; None for the table of the environment.
        sides: what reasons call a and b.

    Raises:
        NotComparable: no model in common.
        BenchError: bad input; `Incomplete` for a run that has not finished.
    """
    if metrics is not None and not metrics:
        raise BenchError(f"expected one or more metrics, got none; `{listing('metrics')}` has names")
    left, right = (side if isinstance(side, Results) else read_results(side) for side in (a, b))
    if of_slice is not None:
        ids = members(of_slice, left, right)
        left, right = (side.of_prompts(ids) for side in (left, right))
    own = [one for one in metrics or () if not isinstance(one, str)]
    names = [one for one in metrics or () if isinstance(one, str)] + [one.spec.identity for one in own]
    specs = _selected(left, right, None if metrics is None else names)
    pairs = _pairs_of_models(left, right)
    rows = compared(left, right, pairs, specs, set_metrics(specs, (left, right), own, assets), sides)
    paired = {model for model, _ in pairs}
    only = tuple(model for model in left.models if model not in paired)
    failed = sum(right.failed.get(model, 0) for _, model in pairs)
    attempts = {
        side: tuple(one for one in results.attempts if one.model in {pair[k] for pair in pairs})
        for k, (side, results) in enumerate((("a", left), ("b", right)))
    }
    told = {side: found for side, found in attempts.items() if found}
    return Comparisons(left.source, right.source, rows, only, failed, of_slice, told, other_cards(left, right))


def compared(
    left: Results,
    right: Results,
    pairs: Sequence[tuple[str, str]],
    specs: Sequence[MetricSpec],
    sets: Mapping[Identity, SetMetric],
    sides: Sides = A_AND_B,
) -> tuple[Comparison, ...]:
    """Compares pairs of models on every metric that measured the first of them; all tests share one error rate.

    Args:
        left: results of side a.
        right: of side b; may be the same.
        pairs: (model of a, model of b).
        specs: metrics of a.
        sets: set metrics by identity; see `set_metrics`.
        sides: what reasons call a and b.
    """
    return judge_all([one for models in pairs for one in _rows(left, right, models, specs, sets, sides)])


def _selected(left: Results, right: Results, names: Sequence[str] | None) -> list[MetricSpec]:
    """Selects metrics of a, in its order, by `name`, `name@bench` or identity."""
    known = dict.fromkeys(name for side in (left, right) for spec in side.specs.values() for name in _answers(spec))
    for name in names or ():
        if name not in known:
            raise BenchError(f"expected a metric that was measured, got {shown(name)}; {suggest(name, tuple(known))}")
    return [spec for spec in left.specs.values() if names is None or not set(_answers(spec)).isdisjoint(names)]


def _answers(spec: MetricSpec) -> tuple[str, ...]:
    return (*dict.fromkeys((spec.name, spec.identity.select)), spec.identity)


def set_metrics(
    specs: Sequence[MetricSpec],
    sides: Iterable[Results],
    own: Iterable[ClipMetric | SetMetric] = (),
    assets: AssetTable | None = None,
) -> dict[Identity, SetMetric]:
    """Builds set metrics by identity; one whose identity differs on this machine is missing.

    Args:
        specs: of metrics.
        sides: may have kept the real clips' features.
        own: metric objects that the catalogue does not know.
        assets: weights, whose digests are part of identities; None for the table of the environment.
    """
    wanted = {spec.identity: spec for spec in specs if spec.level == "set"}
    found = {one.spec.identity: one for one in own if is_set_metric(one)}
    if not wanted.keys() <= found.keys():
        built = build_all(MetricContext(NoCache(), assets=assets or asset_table()))
        found = {one.spec.identity: one for _, one in built if is_set_metric(one)} | found
    measures = {identity: found[identity] for identity in wanted if identity in found}
    bare = {one.spec.model_copy(update={"weights": None}).identity: one for one in found.values()}
    for identity in wanted.keys() - measures.keys():
        spec = without_real(wanted[identity])
        real = next((features for side in sides if (features := side.reference(identity)) is not None), None)
        if spec and real is not None and spec.identity in bare:
            what = f"{spec.name} does not take the real clips of the run"
            measures[identity] = guarded(what, partial(bare[spec.identity].against, real))
    return measures


def _pairs_of_models(left: Results, right: Results) -> list[tuple[str, str]]:
    if len(left.models) == len(right.models) == 1:
        return [(left.models[0], right.models[0])]
    pairs = [(model, model) for model in left.models if model in right.models]
    if not pairs:
        raise NotComparable(
            f"expected a model in both, got {', '.join(left.models) or 'none'} in {left.source} "
            f"and {', '.join(right.models) or 'none'} in {right.source}"
        )
    return pairs


def _rows(
    left: Results,
    right: Results,
    models: tuple[str, str],
    specs: Sequence[MetricSpec],
    sets: Mapping[Identity, SetMetric],
    sides: Sides,
) -> Iterator[ComparisonRow]:
    """Returns one row per metric that measured the model of a."""
    one, other = models
    name = one if one == other else f"{one} → {other}"
    why = differ(left, right, models, sides)
    for spec in specs:
        keys = ColumnKey(one, spec.identity), ColumnKey(other, spec.identity)
        a, b = left.columns.get(keys[0]), right.columns.get(keys[1])
        if a is None:
            continue
        why_not = why or left.gone.get(keys[0]) or right.gone.get(keys[1])
        if b is None:
            why_not = why_not or another(spec, right, other, sides)
        elif spec.level == "set" and spec.identity not in sets:
            why_not = why_not or GONE
        if b is None or why_not:
            yield ComparisonRow(name, spec, None, why_not)
            continue
        key = ColumnKey(REAL, spec.identity)
        real = next((side.columns[key] for side in (left, right) if _real(side, spec)), None)
        lengths = (
            {i: n for side in (left, right) for i, n in side.lengths.get(spec.micro, {}).items()} if spec.micro else {}
        )
        yield ComparisonRow(name, spec, pair(spec, a, b, real, sides), None, sets.get(spec.identity), lengths)


def _real(side: Results, spec: MetricSpec) -> bool:
    return ColumnKey(REAL, spec.identity) in side.columns
