"""Reads a run into a leaderboard, and writes its views beside the records."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jova_bench.assets.table import AssetTable
from jova_bench.comparison.compare import set_metrics
from jova_bench.comparison.results import read_results
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.identity import Identity
from jova_bench.models.registry import CONTROLS
from jova_bench.report.choice import choose
from jova_bench.report.clip_counts import count_clips
from jova_bench.report.common import common
from jova_bench.report.latex import latex
from jova_bench.report.leaderboard import Leaderboard, leaderboard
from jova_bench.report.paper import paper
from jova_bench.report.papers import bibtex
from jova_bench.report.ranks import Ranks, ranks
from jova_bench.report.slices import with_slices
from jova_bench.report.texts import write_texts
from jova_bench.runs.store import read_run, unfinished


def tex(board: Leaderboard) -> str:
    """Formats one table for a paper where metrics were chosen, else one table per family."""
    return paper(board) if board.in_order else latex(board)


VIEWS: Mapping[str, Callable[[Leaderboard], str]] = {
    "md": Leaderboard.markdown,
    "csv": Leaderboard.csv,
    "json": Leaderboard.json,
    "tex": tex,
    "bib": bibtex,
}
"""Views by file suffix."""


def view(suffix: str) -> Callable[[Leaderboard], str]:
    """Returns the view of a file suffix. Raises BenchError if there is none."""
    if suffix not in VIEWS:
        raise BenchError(f"expected one of the formats {', '.join(VIEWS)}, got {shown(suffix)}")
    return VIEWS[suffix]


def read_leaderboard(
    run_folder: str | os.PathLike[str],
    slices: Sequence[str] = (),
    assets: AssetTable | None = None,
    metrics: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
) -> Leaderboard:
    """Reads the leaderboard of a run, ranks included.

    Args:
        run_folder: folder of the run.
        slices: tags whose values are slices, beside those that the suite names.
        assets: weights of the metrics, whose digests are part of identities; None for the table of the environment.
        metrics: columns in their order, as `choose` names them; None for all.
        models: rows in their order; None for all.

    Raises:
        BenchError: the folder holds no finished run, no prompt has such a tag, or the run no such metric or model.
    """
    run = read_run(run_folder)
    if run.summary is None:
        raise unfinished(run_folder)
    summary = with_slices(run_folder, run, run.summary, slices, assets)
    every = leaderboard(summary, run.manifest).models
    whole = leaderboard(
        summary,
        run.manifest,
        made=count_clips(run.samples),
        common=common(run_folder, run, every, assets),
        asked=len({sample.prompt_id for sample in run.samples}),
    )
    board = choose(whole, metrics, models)
    tested = tuple(model for model in every if model not in CONTROLS)
    found, untested = _ranks(run_folder, tested, board, assets)
    return replace(board, ranks=found, untested=untested, tested=tested)


def write_report(
    run_folder: str | os.PathLike[str], formats: Sequence[str] = tuple(VIEWS), assets: AssetTable | None = None
) -> list[Path]:
    """Writes `leaderboard.md`, `.csv`, `.json`, `.tex` and `.bib` into a run folder and returns their paths.

    Raises:
        BenchError: the folder holds no finished run, or cannot be written.
    """
    views = {suffix: view(suffix) for suffix in formats}
    board = read_leaderboard(run_folder, assets=assets)
    return write_texts(run_folder, {f"leaderboard.{suffix}": write(board) for suffix, write in views.items()})


def _ranks(
    run_folder: str | os.PathLike[str], tested: Sequence[str], board: Leaderboard, assets: AssetTable | None
) -> tuple[Ranks, Mapping[Identity, str]]:
    """Ranks the models of a table, and says why tests are missing; both empty for a run that cannot be tested.

    It is not fully scored, or without specifications.

    Args:
        run_folder: folder of the run.
        tested: models of the run whose pairs are tested.
        board: the table, of some or all of them.
        assets: weights of the metrics.
    """
    if len(set(tested) & set(board.models)) < 2:
        return {}, {}
    try:
        results = read_results(run_folder)
    except BenchError:
        return {}, {}
    sets = set_metrics(list(results.specs.values()), [results], assets=assets)
    return ranks(results, tested, sets, {column.identity for column in board.columns}, board.models)
