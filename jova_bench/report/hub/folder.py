"""Writes the folder to push: `dataset`, `space`, `models`, and how to push them. Nothing is sent."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jova_bench.assets.table import AssetTable
from jova_bench.errors import BenchError
from jova_bench.formatting.doors import option
from jova_bench.ids import file_stem, safe_id
from jova_bench.progress import Progress, Quiet
from jova_bench.report.files import read_leaderboard
from jova_bench.report.html import folder as html
from jova_bench.report.html.folder import check_target, replacing_folder
from jova_bench.report.html.site import write_html
from jova_bench.report.html.takes import without_texts
from jova_bench.report.hub import models
from jova_bench.report.hub.cards import dataset_card, space_card
from jova_bench.report.hub.licences import NOT_KNOWN, terms
from jova_bench.report.hub.published import LeftOut, copy_run, known_paths, write_manifest
from jova_bench.report.hub.redaction import redaction
from jova_bench.report.hub.tables import tables, write_tables
from jova_bench.report.hub.yaml import yaml_text
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.report.texts import write_texts
from jova_bench.runs.store import FEATURES, read_run, unfinished

MARK = ".jova-bench-hub"
"""File that marks a folder to push: only such a folder is ever replaced."""
HOW_TO_PUSH = Path(__file__).parent / "PUSH.md"


def write_hub(
    run_folder: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    licence: str | None = None,
    workers: int | None = None,
    assets: AssetTable | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes a run as a folder to push to the Hub and returns it. The same run gives the same bytes.

    Args:
        run_folder: of a finished run.
        target: folder to write, new or an earlier one of this kind.
        licence: of the prompts and clips, where the suite's own is not known here; None for the suite's.
        workers: processes that read clips, 0 for none; None for one per core.
        assets: weights of the metrics; None for the table of the environment.
        progress: shows progress, and what is left out.

    Raises:
        BenchError: the folder holds no finished run, the target is something else, or a package is missing.
    """
    run_folder, target, progress = Path(run_folder), Path(target), progress or Quiet()
    run = read_run(run_folder)
    if run.summary is None:
        raise unfinished(run_folder)
    yaml_text({})  # Says beforehand that a package is missing.
    allowed = terms(run.manifest, licence)
    check_target(target, MARK, "folder to push")
    if run_folder.resolve().is_relative_to(target.resolve()):
        raise BenchError(f"expected a folder that does not hold the run, got {target}")
    known, metrics = {str(run_folder), *known_paths(run)}, {one.metric for one in run.summary.estimates}
    redact = redaction(known, [run.manifest.suite, *run.manifest.models], metrics)
    with replacing_folder(target, MARK) as part:
        data = part / "dataset"
        left = copy_run(run_folder, run, data, redact, allowed.why_not)
        if allowed.why_not:
            left.append(LeftOut("texts of the prompts", allowed.why_not))
        with suppress(OSError):
            (run_folder / FEATURES).mkdir(exist_ok=True)  # As pages make it: what they show is kept there.
        (data / FEATURES).symlink_to((run_folder / FEATURES).resolve(), target_is_directory=True)
        space = part / "space"
        write_html(data, space, texts=not allowed.why_not, workers=workers, assets=assets, progress=progress)
        (space / html.MARK).unlink()
        board, copied = read_leaderboard(data, assets=assets), read_run(data)
        (data / FEATURES).unlink()
        if allowed.why_not:
            copied = without_texts(copied)
            write_manifest(copied.manifest, data)
            board = replace(board, manifest=copied.manifest)
        found = tables(board, copied)
        paths = write_tables(found, data)
        texts = _texts(board) | {
            "dataset/README.md": dataset_card(board, found, paths, allowed, left),
            "space/README.md": space_card(board, allowed),
        }
        write_texts(part, texts)
    for one in left:
        progress.say(f"left out: {one.what}: {one.why}")
    if allowed.why_not == NOT_KNOWN:
        progress.say(f"{option('licence')} states it, if prompts and clips may be published")
    return target


def _texts(board: Leaderboard) -> dict[str, str]:
    """Returns what lies beside the data set and the page: how to push, and what models' authors may take."""
    found = {HOW_TO_PUSH.name: HOW_TO_PUSH.read_text(encoding="utf-8"), "eval.yaml": models.benchmark(board)}
    for model in models.authored(board):
        folder = f"models/{file_stem(model)}"
        found[f"{folder}/card.md"] = models.model_card(board, model)
        results = f"jova-bench-{file_stem(safe_id(board.summary.suite))}.yaml"
        found[f"{folder}/.eval_results/{results}"] = models.eval_results(board, model)
    return found
