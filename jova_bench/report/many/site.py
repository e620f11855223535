"""Writes one page over many runs, with each run's own pages below it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jova_bench.assets.table import AssetTable
from jova_bench.errors import BenchError
from jova_bench.files.writing import part_of
from jova_bench.formatting.text import counted
from jova_bench.ids import file_stem, printable, safe_id
from jova_bench.progress import Progress, Quiet
from jova_bench.report.html.folder import check_target, replacing_folder
from jova_bench.report.html.pages import environment
from jova_bench.report.html.site import DEFAULT, STATIC, plotly_script, write_html
from jova_bench.report.many.rows import Listed, grouped, listed
from jova_bench.runs.found import find_runs, is_run

if TYPE_CHECKING:
    import jinja2

SHEETS = ("report.css", "index.css", "runs.css")
"""Style sheets of the page."""


def runs_in(folders: Sequence[str | os.PathLike[str]]) -> dict[str, Path]:
    """Returns run folders by name: those given, and those in a folder that is no run.

    A name is the path from the folder that all are in, so that no two are the same.

    Raises:
        BenchError: a folder is no run and has none in it, or cannot be listed.
    """
    found: dict[Path, None] = {}
    for folder in map(Path, folders):
        try:
            inside = list(find_runs(folder))
        except OSError as error:
            raise BenchError(f"expected a run folder, or a folder of runs, got {folder}: {error.strerror}") from error
        if not inside:
            raise BenchError(f"expected a run folder, or a folder of runs, got {folder}, which has none")
        found |= dict.fromkeys(inside)
    whole = {one.absolute(): one for one in found}
    # The folder that was given, or the one that all runs are in.
    given = len(folders) == 1 and not is_run(Path(folders[0]))
    base = Path(folders[0]).absolute() if given else Path(os.path.commonpath([path.parent for path in whole]))
    return {path.relative_to(base).as_posix(): one for path, one in whole.items()}


def write_many(
    folders: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    assets: AssetTable | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes the page over many runs, and the pages of each that is finished, and returns the first.

    Args:
        folders: of runs, or of folders of runs.
        target: folder to write, new or an earlier report; None for `report` in the one folder of runs.
        workers: processes that read clips, 0 for none; None for one per core.
        assets: weights of the metrics; None for the table of the environment.
        progress: shows progress.

    Raises:
        BenchError: there are no runs, the target is something else or not named, or a package is missing.
    """
    env, _ = environment(), plotly_script()
    runs = runs_in(folders)
    if target is None and len(folders) > 1:
        raise BenchError("expected the folder to write for pages of several runs, got none; name it after the runs")
    target = Path(target) if target is not None else Path(folders[0]) / DEFAULT
    check_target(target)
    progress, rows = progress or Quiet(), list[Listed]()
    with replacing_folder(target) as part:
        for name in SHEETS:
            shutil.copyfile(STATIC / name, part / name)
        for name, folder in runs.items():
            row = listed(folder, name)
            if row.summary is not None:
                progress.say(f"pages of {name}")
                row = _with_pages(row, folder, part, workers, assets, progress)
            rows.append(row)
        (part / "index.html").write_text(runs_page(env, rows), encoding="utf-8")
    return target / "index.html"


def _with_pages(
    row: Listed, folder: Path, part: Path, workers: int | None, assets: AssetTable | None, progress: Progress
) -> Listed:
    """Writes the pages of one run into a folder that is named after it; without them, the row says why."""
    place = part / file_stem(safe_id(row.name))
    try:
        write_html(folder, place, workers=workers, assets=assets, progress=progress)
    except BenchError as error:
        return replace(row, no_page=str(error).replace(str(folder), row.name))
    _share(place / "plotly.min.js", part / "plotly.min.js")
    return replace(row, page=f"{quote(place.name)}/index.html")


def _share(script: Path, first: Path) -> None:
    """Makes a file of several megabytes, which each run's pages have, the same file in all of them."""
    if not first.exists():
        shutil.copyfile(script, first)
    other = part_of(script)
    try:
        os.link(first, other)
    except OSError:  # A file system without links: each keeps its copy.
        return
    other.replace(script)


def runs_page(env: jinja2.Environment, runs: Sequence[Listed]) -> str:
    """Renders the page of these runs; names that are no UTF-8 stand with escapes."""
    finished = sum(run.state == "finished" for run in runs)
    page = env.get_template("runs.html").render(
        root="",
        runs=runs,
        groups=grouped(runs),
        total=counted(len(runs), "run"),
        finished=finished,
        broken=[run for run in runs if run.state == "broken"],
        prompts=lambda estimate: counted(estimate.n_prompts, "prompt") if estimate.n_prompts else "",
        several=_several(runs),
    )
    return printable(page)


def _several(runs: Sequence[Listed]) -> Mapping[tuple[str, str], bool]:
    """Returns of each suite and profile whether runs of it were asked different prompts."""
    found: dict[tuple[str, str], set[str]] = {}
    for group in grouped(runs):
        found.setdefault(group.asked[:2], set()).add(group.asked.prompts_digest)
    return {key: len(digests) > 1 for key, digests in found.items()}
