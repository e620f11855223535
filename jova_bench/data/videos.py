"""Lists the videos of a folder, and derives the ids of their clips."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.files.paths import shown_path
from jova_bench.ids import printable

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".flv", ".wmv")
KEPT = 60
"""Characters of a file's name that its clips' ids keep."""


def videos(folder: Path) -> tuple[list[str], list[str]]:
    """Lists the paths, relative to a folder, of all videos in it and below, each list sorted.

    Returns:
        The videos; and hidden files with the names of videos, such as macOS's `._talk.mp4`, which are none.

    Raises:
        BenchError: there is no such folder, or no video in it.
    """
    if not folder.is_dir():
        raise BenchError(f"expected a folder of videos, got {shown_path(folder)}; give the folder that holds them")
    found: list[str] = []
    hidden: list[str] = []
    for where, _, names in os.walk(folder):
        for path in (Path(where, name) for name in names):
            if path.suffix.lower() in SUFFIXES and path.is_file():  # No pipe, which would block.
                relative = path.relative_to(folder)
                listed = hidden if any(part.startswith(".") for part in relative.parts) else found
                listed.append(relative.as_posix())
    if not found:
        what = f"{len(hidden)} hidden ones, such as {min(hidden)}" if hidden else "none"
        raise BenchError(f"expected videos ({' '.join(SUFFIXES)}) in {shown_path(folder)}, got {what}")
    return sorted(found), sorted(hidden)


def clip_id(source: str, number: int | None) -> str:
    """Derives the id of a clip from the relative path of its video; None stands for the video as a whole."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(printable(source)).stem)[:KEPT].strip("_") or "video"
    digest = hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{stem}-{digest}" + ("" if number is None else f"-{number:04d}")
