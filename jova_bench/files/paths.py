"""Paths that a user or a record gives."""

from __future__ import annotations

import os
from pathlib import Path


def at_home(path: str | os.PathLike[str]) -> Path:
    """Returns a path with `~` or `~name` at its start as that user's home folder; unknown names stay as they are."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # No such user: as in a shell, the folder has this name.
        return Path(path)


def check_path(value: str) -> str:
    """Checks that a file system can have a path; that it stays inside its folder is checked where it is opened."""
    if "\0" in value or len(value) > 4000 or any(len(part.encode()) > 255 for part in value.split("/")):
        raise ValueError("expected the path of a clip, got one that no file system takes")
    return value
