"""Begins a gate: chooses what of a run can be tested, and how much worse each metric may get.

A run of an unchanged model must pass, and a loss that the test shows must not. So a metric gets a tolerance only where
its test finds a difference as small as that: a tenth of the width of its 95 % interval. That is more than another
processor changed of any metric (`docs/processors.md`: at most 0.18 of half the width), and less than what separates
models in a table. A metric of few distinct values has none, nor one of a model that draws other clips each time: it
fails when a test shows that it got worse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from jova_bench.assets.table import AssetTable
from jova_bench.comparison.compare import compare
from jova_bench.comparison.gate_page import SIDES
from jova_bench.comparison.pairing import ALPHA
from jova_bench.comparison.results import Results, read_results
from jova_bench.comparison.verdicts import Comparison
from jova_bench.errors import BenchError
from jova_bench.formatting.doors import option
from jova_bench.formatting.text import counted, decimals
from jova_bench.keys import ColumnKey
from jova_bench.metrics.judge.names import is_judge
from jova_bench.records import MetricSpec
from jova_bench.runs.store import Run, read_run
from jova_bench.summary import Estimate

OF_WIDTH = 0.1
"""Tolerance as a share of the width of the interval."""
OF_MOVED = 2.0
"""Tolerance as a multiple of what moved, and was shown to, between two runs of the unchanged model."""


@dataclass(frozen=True)
class Gated:
    """Holds one metric of a gate, over all models."""

    name: str
    unit: str
    tolerance: float | None
    """None where its test cannot find a loss as small as one would allow: then no loss that it shows is allowed."""
    detectable: float
    """Smallest true loss that its test finds four times in five, of the model where that is largest."""


@dataclass(frozen=True)
class Start:
    """Holds what a gate begins with."""

    reference: Results
    """The part of the run that can be tested."""
    run: Run
    metrics: tuple[Gated, ...]
    left_out: tuple[str, ...]
    """What cannot be tested, with the reasons."""

    @property
    def specs(self) -> tuple[MetricSpec, ...]:
        """Returns the specifications of the gated metrics."""
        return tuple(self.reference.specs.values())


def start(
    folder: str, again: str | None = None, metrics: Sequence[str] | None = None, assets: AssetTable | None = None
) -> Start:
    """Chooses what a gate tests, and its tolerances.

    Args:
        folder: run of the model as it should stay.
        again: another run of the same model, whose clips differ as those of an unchanged model may: of another machine
            or another training. None for a model that gives the same clips again.
        metrics: names; None for all that no language model judges.
        assets: as in `compare`.

    Raises:
        BenchError: not a finished run without failed samples, or nothing of it can be tested.
    """
    results, run = read_results(folder), read_run(folder)
    if results.gone:
        raise BenchError(next(iter(results.gone.values())))
    found = compare(results, results if again is None else again, metrics, assets=assets, sides=SIDES)
    for source, failed in ((folder, sum(results.failed.values())), (again, found.failed)):
        if source is not None and failed:
            raise BenchError(
                f"expected a clip of every sample, got {source} with {counted(failed, 'sample')} that failed; repeat "
                "its command, or leave out that model or prompt: a gate of it could not pass"
            )
    rows = {_column(row): row for row in found.rows}
    why_not = {key: why for key, row in rows.items() if (why := _why_not(row, metrics is None))}
    kept = {key: row for key, row in rows.items() if key not in why_not}
    left_out = tuple(f"{rows[key].spec.name} of {rows[key].model}: {why}" for key, why in why_not.items())
    if not kept:
        raise BenchError(_nothing(folder, found.rows, left_out))
    identities = {key.identity for key in kept}
    reference = replace(
        results,
        columns={key: parts for key, parts in results.columns.items() if key in kept},
        specs={identity: spec for identity, spec in results.specs.items() if identity in identities},
    )
    return Start(reference, run, tuple(_metrics(kept, run)), left_out)


def _column(row: Comparison) -> ColumnKey:
    return ColumnKey(row.model.partition(" → ")[0], row.spec.identity)


def _why_not(row: Comparison, judges_left_out: bool) -> str | None:
    """Returns why a row cannot be tested in a gate, or None."""
    if judges_left_out and is_judge(row.spec.name):
        return "a language model judges"
    if row.delta is None or row.lost or row.min_detectable is None:
        return f"{row.verdict}: {row.reason}"
    return None


def _nothing(folder: str, rows: Sequence[Comparison], left_out: Sequence[str]) -> str:
    """Returns the message where no row can be tested: how many prompts would do, where that is what lacks."""
    few = [row for row in rows if row.delta is not None and row.min_detectable is None]
    if not few:
        return f"expected a metric with values in {folder}, got none: {'; '.join(left_out)}"
    # A test that flips the signs of n prompts has 2^n outcomes, of which two are the most extreme.
    need, need_one = (math.ceil(math.log2(2 * tests / ALPHA)) for tests in (len(few), 1))
    return (
        f"expected {need} prompts or more for {counted(len(few), 'test')}, got {few[0].n} in {folder}; use more "
        f"prompts, or name fewer metrics by {option('metrics')}: one of one model takes {need_one}"
    )


def _metrics(kept: dict[ColumnKey, Comparison], run: Run) -> Iterator[Gated]:
    """Yields the metrics that can be tested, in the order of the run's table."""
    estimates = {one.column: one for one in run.summary.estimates if one.slice is None} if run.summary else {}
    for name in dict.fromkeys(row.spec.name for row in kept.values()):
        of_name = {key: row for key, row in kept.items() if row.spec.name == name}
        least = max(_least(estimates[key]) for key in of_name)
        detectable = max(row.min_detectable or 0.0 for row in of_name.values())
        moved = [abs(row.delta or 0.0) for row in of_name.values() if row.p_holm is not None and row.p_holm <= ALPHA]
        if moved:
            least = max(least, detectable, OF_MOVED * max(moved))
        tolerance = rounded_up(least)
        unit = next(iter(of_name.values())).spec.unit
        yield Gated(name, unit, tolerance if detectable <= tolerance else None, detectable)


def _least(estimate: Estimate) -> float:
    """Returns the tolerance that a column's interval gives; the last of three digits where it has no width."""
    width = estimate.ci[1] - estimate.ci[0] if estimate.ci else 0.0
    return OF_WIDTH * width if width > 0 else 10.0 ** -decimals(estimate.value or 0.0, None)


def rounded_up(value: float) -> float:
    """Returns the next number of two digits: 0.13 for 0.123."""
    places = 1 - math.floor(math.log10(value))
    return float(round(math.ceil(value * 10.0**places - 1e-9) / 10.0**places, max(0, places)))
