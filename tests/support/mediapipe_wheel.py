"""Finds the wheel whose networks `data prepare` uses, where this machine has it: `make test` downloads it."""

from dataclasses import replace
from pathlib import Path

import pytest

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.metrics.faces import litert

FETCHED = Path(__file__).parents[2] / "build" / "weights"


def with_wheel() -> AssetTable:
    """The table of the environment, with the wheel in build/weights where the assets folder has none."""
    table = asset_table()
    entry = table.get(litert.ASSET)
    here = FETCHED / Path(entry.file).name
    if not table.path(litert.ASSET).is_file() and here.is_file():
        table = replace(table, entries={**table.entries, litert.ASSET: entry.model_copy(update={"file": str(here)})})
    return table


needs_wheel = pytest.mark.skipif(litert.missing(with_wheel()) is not None, reason="mediapipe's wheel is not here")
