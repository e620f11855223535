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


def videos(folder: Path) -> list[str]:
    """Lists the paths, relative to a folder, of all videos in it and below, sorted.

    Raises:
        BenchError: there is no such folder, or no video in it.
    """
    if not folder.is_dir():
        raise BenchError(f"expected a folder of videos, got {shown_path(folder)}; give the folder that holds them")
    found = []
    for where, _, names in os.walk(folder):
        paths = (Path(where, name) for name in names if not name.startswith("."))
        paths = (
            path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()
        )  # No pipe, which would block.
        found += [path.relative_to(folder).as_posix() for path in paths]
    if not found:
        raise BenchError(f"expected videos ({' '.join(SUFFIXES)}) in {shown_path(folder)}, got none")
    return sorted(found)


def clip_id(source: str, number: int | None) -> str:
    """Derives the id of a clip from the relative path of its video; None stands for the video as a whole."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(printable(source)).stem)[:KEPT].strip("_") or "video"
    digest = hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{stem}-{digest}" + ("" if number is None else f"-{number:04d}")
