"""Writes the pages of a run: the leaderboard, plots, and the clips of each prompt."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jova_bench.assets.packaged import package_folder
from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.errors import BenchError
from jova_bench.execution.processes import available_cores
from jova_bench.progress import Progress, Quiet
from jova_bench.report.files import read_leaderboard, view
from jova_bench.report.html.data import page_data
from jova_bench.report.html.folder import check_target, link, replacing_folder
from jova_bench.report.html.pages import environment, index_page, prompt_page
from jova_bench.report.html.slices import by_slice
from jova_bench.report.html.takes import Asked, gather, without_texts
from jova_bench.report.html.votes import rating_figures
from jova_bench.report.reported import read_reported
from jova_bench.runs.store import read_run
from jova_bench.votes.fit import VoteFit

STATIC = Path(__file__).parent / "static"
FILES = ("csv", "tex", "json", "bib")
"""Views of the leaderboard that stand next to its page."""
DEFAULT = "report"
"""Folder of the pages inside a run."""


def write_html(
    run_folder: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    slices: Sequence[str] = (),
    reported: str | os.PathLike[str] | None = None,
    sweeps: Sequence[Mapping[str, Any]] = (),
    votes: VoteFit | None = None,
    texts: bool = True,
    workers: int | None = None,
    assets: AssetTable | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes a run as pages and returns the first one. The same run gives the same bytes.

    Args:
        run_folder: of a finished run.
        target: folder to write, new or an earlier report; None for `report` in the run.
        slices: tags whose values divide the prompts; none takes those of the summary, or else every tag.
        reported: TOML file of numbers as papers report them, for a table of their own.
        sweeps: results of sweeps, as `figures.read_sweep` returns them.
        votes: what people's votes say of the models.
        texts: whether prompts are shown with their texts, not with their ids alone.
        workers: processes that read clips, 0 for none; None for one per core.
        assets: weights of the metrics; None for the table of the environment.
        progress: shows progress.

    Raises:
        BenchError: the folder holds no finished run, the target is something else, or a package is missing.
    """
    run_folder, assets = Path(run_folder), assets or asset_table()
    target = Path(target) if target is not None else run_folder / DEFAULT
    env = environment()
    script = plotly_script()
    run = read_run(run_folder)  # First, so that a run which is not there is said to be so.
    check_target(target)
    papers = read_reported(reported) if reported is not None else None
    board = read_leaderboard(run_folder, slices, assets)
    run = run if texts else without_texts(run)  # Numbers are of the whole records.
    identities = [one.identity for one in board.columns]
    asked = gather(
        run_folder,
        run,
        board.models,
        identities,
        available_cores() if workers is None else workers,
        assets,
        progress or Quiet(),
    )
    parts = by_slice(board, run, [one.prompt for one in asked])
    with replacing_folder(target) as part:
        for path in sorted(STATIC.iterdir()):
            shutil.copyfile(path, part / path.name)
        shutil.copyfile(script, part / "plotly.min.js")
        _place(part, asked)
        pages = {one.page: prompt_page(env, board, asked, place) for place, one in enumerate(asked)}
        figures = [*(rating_figures(votes) if votes else ()), *(figure for one in sweeps for figure in one["figures"])]
        data = page_data(board, parts, asked) | {"figures": figures}
        first = index_page(env, board, data, asked, papers, sweeps, votes)
        files = {f"leaderboard.{suffix}": view(suffix)(board) for suffix in FILES}
        for name, text in {"index.html": first, "data.js": script_of(data), **pages, **files}.items():
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_text(text, encoding="utf-8")
    return target / "index.html"


def script_of(data: Mapping[str, Any]) -> str:
    """Returns a script that all pages may load: from a disk, a browser reads no other data."""
    return f"const data = {json.dumps(data, allow_nan=False, separators=(',', ':'))};\n"


def plotly_script() -> Path:
    """Returns the script of the installed package."""
    folder = package_folder("plotly")
    if folder is None:
        raise BenchError("not installed: pip install 'jova-bench[report]'")
    return folder / "package_data" / "plotly.min.js"


def _place(folder: Path, asked: Iterable[Asked]) -> None:
    """Writes clips and thumbnails where the pages expect them. Clips are linked where the file system can."""
    for name in ("clips", "thumbs"):
        (folder / name).mkdir()
    for take in (take for one in asked for take in one.takes):
        if take.file and take.source:
            link(take.source.resolve(), folder / take.file)
        if take.thumb and take.view:
            (folder / take.thumb).write_bytes(take.view.thumb)
