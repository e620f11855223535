"""Gates continuous integration: compares a run with its reference.

The reference defines what is required: a model or metric that the run lacks is not comparable, which never passes.
Further models and metrics of the run are ignored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from jova_bench.assets.table import AssetTable
from jova_bench.comparison.compare import Comparisons, Metrics, Source, compare
from jova_bench.comparison.gate_page import SIDES, Check, Gate
from jova_bench.comparison.results import Results, read_results
from jova_bench.errors import BenchError
from jova_bench.files.reading import read_toml
from jova_bench.formatting.messages import shown, suggest
from jova_bench.metrics.judge.names import is_judge


def gate(
    reference: Source,
    run: Source,
    tolerances: Mapping[str, float] | None = None,
    metrics: Metrics | None = None,
    assets: AssetTable | None = None,
) -> Gate:
    """Compares a run with its reference.

    Args:
        reference: run folder, or a file made by `jova-bench freeze`.
        run: the run to judge.
        tolerances: by metric name, absolute and in its unit.
        metrics: as in `compare`, but None for all that no language model judges, and those for which there is a
            tolerance.
        assets: as in `compare`.

    Raises:
        BenchError: bad input, or a tolerance for a metric that the reference does not have.
    """
    left_out: tuple[str, ...] = ()
    if metrics is None:
        reference = reference if isinstance(reference, Results) else read_results(reference)
        metrics, left_out = _gated(reference, tolerances or {})
    found = compare(reference, run, metrics, assets=assets, sides=SIDES)
    if tolerances is not None and not isinstance(tolerances, Mapping):
        raise BenchError(f"expected tolerances by the name of the metric, got {shown(tolerances)}")
    allowed = _checked(tolerances or {}, "tolerances: ")
    _check_names(allowed, found)
    checks = tuple(Check(row, allowed.get(row.spec.name)) for row in found.rows)
    return Gate(found.a, found.b, checks, found.only_a, found.failed, left_out, found.attempts)


def _gated(reference: Results, tolerances: Mapping[str, float]) -> tuple[Metrics | None, tuple[str, ...]]:
    """Returns the metrics that a gate compares, None for all, and the names of judges that it leaves out.

    A judge is another company's to change, and its answers are drawn: it gates where a tolerance names it.
    """
    names = dict.fromkeys(spec.name for spec in reference.specs.values())
    left_out = tuple(name for name in names if is_judge(name) and name not in tolerances)
    if left_out and len(left_out) == len(names):
        raise BenchError(
            f"expected a metric that no language model judges in {reference.source}, got {', '.join(left_out)} alone; "
            "a tolerance for one gates it"
        )
    return [name for name in names if name not in left_out] if left_out else None, left_out


def read_tolerances(path: str | os.PathLike[str]) -> dict[str, float]:
    """Reads a TOML file of lines such as `wer = 0.05`.

    Raises:
        BenchError: the file is missing, no TOML, or holds something else.
    """
    try:
        values = read_toml(path)
    except BenchError as error:
        raise BenchError(f"{error}; a tolerance is a line such as `wer = 0.05`") from error
    return _checked(values, f"{path}: ")


def _checked(values: Mapping[str, Any], where: str) -> dict[str, float]:
    """Returns tolerances as numbers. Raises BenchError for one that is no number."""
    for name, value in values.items():
        # A truth value is an int to Python, and nan compares with nothing.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise BenchError(f"{where}{name}: expected a number of at least 0, got {shown(value)}")
    return {name: float(value) for name, value in values.items()}


def _check_names(tolerances: Mapping[str, float], found: Comparisons) -> None:
    known = tuple(dict.fromkeys(row.spec.name for row in found.rows))
    for name in tolerances:
        if not isinstance(name, str) or name not in known:
            raise BenchError(
                f"expected a tolerance for a metric of the reference, got {shown(name)}; {suggest(str(name), known)}"
            )
