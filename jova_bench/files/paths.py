"""Paths that a user or a record gives."""

from __future__ import annotations

import os
from pathlib import Path

from jova_bench.formatting.messages import shown

LONGEST, LONGEST_NAME = 4000, 255
"""Maximum numbers of bytes of a path, and of each name in it, that every file system takes."""


def at_home(path: str | os.PathLike[str]) -> Path:
    """Returns a path with `~` or `~name` at its start as that user's home folder; unknown names stay as they are."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # No such user: as in a shell, the folder has this name.
        return Path(path)


def check_path(value: str) -> str:
    """Checks that a file system can have a path; that it stays inside its folder is checked where it is opened."""
    if "\0" in value or _too_long(value):
        raise ValueError("expected the path of a clip, got one that no file system takes")
    return value


def file_seen(path: Path) -> bool:
    """Returns whether a file is there, as far as this user can see: an error of the system is no."""
    try:
        return path.is_file()
    except OSError:
        return False


def shown_path(path: str | os.PathLike[str]) -> str:
    """Formats a path for a message: whole, so that it can be found, unless it is longer than any path."""
    text = os.fspath(path)
    return shown(text) if _too_long(text) else text


def _too_long(path: str) -> bool:
    return len(path) > LONGEST or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.split("/"))
