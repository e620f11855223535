"""Lists models, metrics and suites, as the commands `ls` and `doctor` do."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jova_bench.api.arguments import PathLike, assets_of, several
from jova_bench.records import Profile
from jova_bench.tools import inventory
from jova_bench.tools.doctor import report

if TYPE_CHECKING:
    import pandas as pd


Names = str | Sequence[str] | None


def list_models(names: Names = None, *, available: bool = False) -> pd.DataFrame:
    """Returns a table of the models by name: needs, weights with sizes and licences, whether each can run, and why not.

    Args:
        names: one or several; None for all.
        available: whether only those that can run here are listed.

    Raises:
        BenchError: no model has one of the names.
    """
    return _frame(inventory.models(_several(names)), available)


def list_metrics(
    assets: PathLike | None = None, *, names: Names = None, profile: Profile | None = None, available: bool = False
) -> pd.DataFrame:
    """Returns a table of metrics: identity, level, unit, direction, weights with sizes and licences, and why not.

    A judge's identity is None: its server states a part of it, and is not asked here.

    Args:
        assets: as in `run`.
        names: `wer` for all that have the name, `wer@versebench` for one, `@theval` for all of a bench; None for all.
        profile: `embedded` or `standard`; None for both.
        available: whether only those that can be used here are listed.

    Raises:
        BenchError: no metric has one of the names.
    """
    table, damaged = assets_of(assets).readable()
    if damaged:
        warnings.warn(damaged, stacklevel=2)
    return _frame(inventory.metrics(table, _several(names), profile), available)


def list_suites(names: Names = None, *, available: bool = False) -> pd.DataFrame:
    """Returns a table of the suites by name: prompts, profile, slices and licence.

    Args:
        names: one or several; None for all.
        available: whether only those that can be read are listed.

    Raises:
        BenchError: no suite has one of the names.
    """
    return _frame(inventory.suites(_several(names)), available)


def doctor(names: Names = None, *, assets: PathLike | None = None) -> dict[str, Any]:
    """Returns what is installed, what is missing and how to get it, as `doctor --json` prints it.

    Args:
        names: of models, metrics, suites, packages or weights; None for all.
        assets: as in `run`.

    Returns:
        `machine`, and lists under `models`, `metrics`, `suites`, `packages` and `weights`.

    Raises:
        BenchError: nothing has one of the names.
    """
    return dict(report(assets_of(assets).readable()[0], _several(names)))


def _several(names: Names) -> Sequence[str]:
    return () if names is None else several(names)


def _frame(every: list[dict[str, Any]], available: bool) -> pd.DataFrame:
    import pandas as pd

    rows = [row for row in every if row["available"] or not available]
    frame = pd.DataFrame(rows, columns=list(every[0]))
    for key in frame.columns.tolist():
        column = [row.get(key) for row in rows]
        if None in column:  # pandas makes NaN of it among texts, and NaN is true.
            frame[key] = pd.Series(column, dtype=object)
    return frame.set_index("name")
