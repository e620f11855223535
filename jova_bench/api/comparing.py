"""Compares two runs, and judges one by the other, as the commands `compare` and `gate` do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jova_bench.api.arguments import AnyMetric, PathLike, assets_of, metrics_of, path_of
from jova_bench.comparison import compare as comparing
from jova_bench.comparison import gate as gating
from jova_bench.comparison.results import Results
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.runs import run as running

if TYPE_CHECKING:
    from jova_bench.api.running import Result
    from jova_bench.comparison.compare import Comparisons, Source
    from jova_bench.comparison.gate_page import Gate


def compare(
    a: Source | Result,
    b: Source | Result,
    metrics: str | AnyMetric | Sequence[str | AnyMetric] | None = None,
    of_slice: str | None = None,
    assets: PathLike | None = None,
) -> Comparisons:
    """Compares the models of two runs that answered the same prompts with the same seeds, by paired tests.

    One model on each side: these two, whatever their names. Otherwise models of the same name. Models and metrics
    that only b has are left out.

    Args:
        a: result of `run` or `score`, run folder, or a file made by `jova-bench freeze`.
        b: the other.
        metrics: one or several names, or objects of set metrics that the catalogue does not know; None for all.
        of_slice: `tag=value`: only the prompts that have it; None for all.
        assets: as in `run`.

    Returns:
        The comparisons; `.table()` is a pandas DataFrame, `.exit_code` what the command would return.

    Raises:
        NotComparable: no model in common.
        BenchError: bad input, or a run that has not finished.
    """
    if not isinstance(of_slice, str | None):
        raise BenchError(f"expected of_slice= as the text TAG=VALUE, got {shown(of_slice)}")
    return comparing.compare(_side(a), _side(b), metrics_of(metrics), of_slice, assets_of(assets))


def gate(
    reference: Source | Result,
    run: Source | Result,
    tolerances: Mapping[str, float] | None = None,
    metrics: str | AnyMetric | Sequence[str | AnyMetric] | None = None,
    assets: PathLike | None = None,
) -> Gate:
    """Compares a run with its reference, with a verdict for continuous integration.

    Args:
        reference: as in `compare`; it defines what is required.
        run: the run to judge.
        tolerances: how much worse a metric may get, by its name, absolute and in its unit.
        metrics: as in `compare`.
        assets: as in `run`.

    Returns:
        The gate; `.table()` is a pandas DataFrame, `.markdown()` a page, `.exit_code` 0 where the run passes.

    Raises:
        BenchError: bad input, or a tolerance for a metric that the reference does not have.
    """
    return gating.gate(_side(reference), _side(run), tolerances, metrics_of(metrics), assets_of(assets))


def _side(side: Source | Result) -> Source:
    if isinstance(side, running.Result):
        return side.folder
    return side if isinstance(side, Results) else path_of("a run folder, a Result or a frozen file", side)
