"""Lists the run folders below a folder: what each is of, how far it is, and why one cannot be read."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.files.paths import shown_path
from jova_bench.formatting.text import counted, size_text
from jova_bench.runs.found import find_runs, linked_folders
from jova_bench.runs.store import MANIFEST, SAMPLES, SCORES, SUMMARY, read_run

RUNS = "runs"
"""Folder of runs where no other is named."""
NAMED = 3
"""Links that a line names."""
HEADER = ("Run", "State", "Suite", "Profile", "Models", "Prompts", "Made", "Failed", "Scored", "Changed", "Size")


def run_folders(top: Path) -> list[dict[str, Any]]:
    """Returns an item for each run folder, the one that changed last first; one that is broken has `why_not`.

    Args:
        top: a run folder, or one that has some at any depth.

    Raises:
        BenchError: it is no folder, or no run is in it.
    """
    if not top.is_dir():
        raise BenchError(f"expected a folder of runs, got {shown_path(top)}, which is no folder; name one that is")
    found = [_item(folder, top) for folder in find_runs(top)]
    if not found:
        raise BenchError(f"expected a folder with runs, got {shown_path(top)}, which has no {MANIFEST} below it")
    return sorted(found, key=lambda item: (str(item["changed"]), item["name"]), reverse=True)


def links_line(top: Path) -> str:
    """Returns what to say of links to folders, in which no run is looked for; empty where there are none."""
    found = linked_folders(top)
    if not found:
        return ""
    named = ", ".join(one.relative_to(top).as_posix() for one in found[:NAMED]) + ", ..." * (len(found) > NAMED)
    return (
        f"{counted(len(found), 'linked folder')} passed over in {shown_path(top)}: {named}; name one to list its runs"
    )


def rows(found: list[dict[str, Any]]) -> list[list[str]]:
    """Returns a row of `HEADER` for each item."""
    return [
        [
            item["name"],
            _state(item),
            item["suite"] or "",
            item["profile"] or "",
            ", ".join(item["models"]),
            _prompts(item),
            *("" if item[key] is None else f"{item[key]:,}" for key in ("made", "failed", "scored")),
            datetime.fromisoformat(item["changed"]).astimezone().strftime("%Y-%m-%d %H:%M"),
            size_text(item["bytes"]),
        ]
        for item in found
    ]


def _state(item: dict[str, Any]) -> str:
    if item["why_not"]:
        return f"broken: {item['why_not']}"
    return "finished" if item["finished"] else "not finished"


def _prompts(item: dict[str, Any]) -> str:
    """Formats how many prompts the clips are of; of how many, where the run was limited or has not come to all."""
    if item["prompts"] is None:
        return ""
    few = item["prompts_asked"] < item["prompts"]
    return f"{item['prompts_asked']:,} of {item['prompts']:,}" if few else f"{item['prompts']:,}"


def _item(folder: Path, top: Path) -> dict[str, Any]:
    item: dict[str, Any] = {
        "name": folder.name if folder == top else folder.relative_to(top).as_posix(),
        "path": str(folder),
        "suite": None, "profile": None, "models": [], "seeds": [], "prompts": None, "prompts_asked": None,
        "made": None, "failed": None, "scored": None, "finished": False,
        **_files(folder),
        "why_not": None,
    }  # fmt: skip
    try:
        run = read_run(folder)
    except (BenchError, OSError) as error:
        return item | {"why_not": " ".join(str(error).split())}
    made = {one.key for one in run.samples if one.status == "ok"}
    return item | {
        "suite": run.manifest.suite,
        "profile": run.manifest.profile,
        "models": list(run.manifest.models),
        "seeds": list(run.manifest.seeds),
        "prompts": len(run.manifest.prompts),
        "prompts_asked": len({one.prompt_id for one in run.samples}),
        "made": len(made),
        "failed": len(run.samples) - len(made),
        "scored": len(made & {one.key.sample for one in run.scores}),
        "finished": run.summary is not None,
    }


def _files(folder: Path) -> dict[str, Any]:
    """Returns when the records changed last, as ISO 8601 in UTC, and how many bytes the folder has."""
    sizes, changed = 0, 0.0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                state = Path(path, name).lstat()
            except OSError:
                continue  # A run that goes on replaces files.
            sizes += state.st_size
            if name in (MANIFEST, SAMPLES, SCORES, SUMMARY) and path == str(folder):
                changed = max(changed, state.st_mtime)
    return {"changed": datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds"), "bytes": sizes}
