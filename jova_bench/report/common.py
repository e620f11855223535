"""Recomputes the leaderboard on the clips that every model made.

A model that fails on hard prompts would gain by it: its mean is over easy ones. The table shows the means over the
same prompts and seeds beside each model's own mean.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from jova_bench.assets.table import AssetTable
from jova_bench.comparison.compare import set_metrics
from jova_bench.comparison.results import read_results
from jova_bench.errors import BenchError
from jova_bench.keys import PromptSeed
from jova_bench.models.registry import CONTROLS
from jova_bench.records import Sample
from jova_bench.runs.estimates import estimates
from jova_bench.runs.store import Run
from jova_bench.summary import Summary

COMMON = "made by every model"
"""Title of this part of a table."""


@dataclass(frozen=True)
class Common:
    """Holds the estimates on the clips that every model made."""

    summary: Summary
    """Summary of these clips alone."""
    cells: frozenset[PromptSeed]
    """Clips of each model."""
    models: tuple[str, ...]
    """Compared models: no controls, and none without clips."""

    @property
    def clips(self) -> int:
        """Returns the number of clips of each model."""
        return len(self.cells)

    @property
    def prompts(self) -> int:
        """Returns the number of prompts of the clips."""
        return len({prompt_id for prompt_id, _ in self.cells})

    @property
    def about(self) -> str:
        """Describes the part in one paragraph."""
        return (
            f"The same estimates over the {self.clips} clips of {self.prompts} prompts that "
            f"{', '.join(self.models)} all made; above, each is over what the model made."
        )


def completed_by_all(samples: Sequence[Sample], models: Sequence[str]) -> tuple[tuple[str, ...], frozenset[PromptSeed]]:
    """Returns the models with clips, without controls, and the (prompt, seed) that all of them made."""
    done = {
        model: frozenset(one.key.prompt_seed for one in samples if one.model == model and one.status == "ok")
        for model in models
        if model not in CONTROLS
    }
    done = {model: cells for model, cells in done.items() if cells}
    return tuple(done), frozenset.intersection(*done.values()) if done else frozenset()


def common(
    run_folder: str | os.PathLike[str], run: Run, models: Sequence[str], assets: AssetTable | None
) -> Common | None:
    """Returns None when all models made the same clips, fewer than two made any, or the run is not fully scored."""
    compared, cells = completed_by_all(run.samples, models)
    made = {s.key for s in run.samples if s.model in compared and s.status == "ok"}
    if len(compared) < 2 or not cells or len(made) == len(compared) * len(cells) or run.summary is None:
        return None
    try:
        results = read_results(run_folder)
    except BenchError:
        return None
    sets = set_metrics(list(results.specs.values()), [results], assets=assets)
    columns = {
        key: {cell: part for cell, part in column.items() if cell in cells}
        for key, column in results.columns.items()
        if key not in results.gone
    }
    metrics = [sets.get(identity, spec) for identity, spec in results.specs.items()]
    found = estimates(results.models, metrics, columns, run.manifest.prompts)
    summary = run.summary.model_copy(update={"estimates": found, "cost": (), "attempts": ()})
    return Common(summary, cells, compared)
