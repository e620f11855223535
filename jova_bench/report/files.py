"""Reads a run into a leaderboard, and writes its views beside the records."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jova_bench.assets.table import AssetTable
from jova_bench.comparison.compare import set_metrics
from jova_bench.comparison.results import read_results
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.models.registry import CONTROLS
from jova_bench.report.clip_counts import count_clips
from jova_bench.report.common import common
from jova_bench.report.latex import latex
from jova_bench.report.leaderboard import Leaderboard, leaderboard
from jova_bench.report.ranks import Ranks, ranks
from jova_bench.report.slices import with_slices
from jova_bench.report.texts import write_texts
from jova_bench.runs.store import read_run, unfinished

VIEWS: Mapping[str, Callable[[Leaderboard], str]] = {
    "md": Leaderboard.markdown,
    "csv": Leaderboard.csv,
    "json": Leaderboard.json,
    "tex": latex,
}
"""Views by file suffix."""


def view(suffix: str) -> Callable[[Leaderboard], str]:
    """Returns the view of a file suffix. Raises BenchError if there is none."""
    if suffix not in VIEWS:
        raise BenchError(f"expected one of the formats {', '.join(VIEWS)}, got {shown(suffix)}")
    return VIEWS[suffix]


def read_leaderboard(
    run_folder: str | os.PathLike[str], slices: Sequence[str] = (), assets: AssetTable | None = None
) -> Leaderboard:
    """Reads the leaderboard of a run, ranks included.

    Args:
        run_folder: folder of the run.
        slices: tags whose values are slices, beside those that the suite names.
        assets: weights of the metrics, whose digests are part of identities; None for the table of the environment.

    Raises:
        BenchError: the folder holds no finished run, or no prompt has such a tag.
    """
    run = read_run(run_folder)
    if run.summary is None:
        raise unfinished(run_folder)
    summary = with_slices(run_folder, run, run.summary, slices, assets)
    models = leaderboard(summary, run.manifest).models
    return leaderboard(
        summary,
        run.manifest,
        _ranks(run_folder, models, assets),
        count_clips(run.samples),
        common(run_folder, run, models, assets),
    )


def write_report(
    run_folder: str | os.PathLike[str], formats: Sequence[str] = tuple(VIEWS), assets: AssetTable | None = None
) -> list[Path]:
    """Writes `leaderboard.md`, `.csv`, `.json` and `.tex` into a run folder and returns their paths.

    Raises:
        BenchError: the folder holds no finished run, or cannot be written.
    """
    views = {suffix: view(suffix) for suffix in formats}
    board = read_leaderboard(run_folder, assets=assets)
    return write_texts(run_folder, {f"leaderboard.{suffix}": write(board) for suffix, write in views.items()})


def _ranks(run_folder: str | os.PathLike[str], models: Sequence[str], assets: AssetTable | None) -> Ranks:
    """Ranks the models; empty for a run that cannot be tested: not fully scored, or without specifications."""
    ranked = [model for model in models if model not in CONTROLS]
    if len(ranked) < 2:
        return {}
    try:
        results = read_results(run_folder)
    except BenchError:
        return {}
    return ranks(results, ranked, set_metrics(list(results.specs.values()), [results], assets=assets))
