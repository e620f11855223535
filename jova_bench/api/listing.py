"""Lists models, metrics and suites, as the command `ls` does."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from jova_bench.api.arguments import PathLike, assets_of
from jova_bench.tools import inventory

if TYPE_CHECKING:
    import pandas as pd


def list_models() -> pd.DataFrame:
    """Returns a table of the models by name: needs, whether each can run here, and why not."""
    return _frame(inventory.models())


def list_metrics(assets: PathLike | None = None) -> pd.DataFrame:
    """Returns a table of all metrics of both profiles: identity, level, unit, direction, and why not.

    A judge's identity is None: its server states a part of it, and is not asked here.

    Args:
        assets: as in `run`.
    """
    table, damaged = assets_of(assets).readable()
    if damaged:
        warnings.warn(damaged, stacklevel=2)
    return _frame(inventory.metrics(table))


def list_suites() -> pd.DataFrame:
    """Returns a table of the suites by name: prompts, profile, slices and licence."""
    return _frame(inventory.suites())


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows)
    for key in frame.columns.tolist():
        column = [row.get(key) for row in rows]
        if None in column:  # pandas makes NaN of it among texts, and NaN is true.
            frame[key] = pd.Series(column, dtype=object)
    return frame.set_index("name")
