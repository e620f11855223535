"""Paths that a user gives."""

from __future__ import annotations

import os
from pathlib import Path


def at_home(path: str | os.PathLike[str]) -> Path:
    """Returns a path with `~` or `~name` at its start as that user's home folder; unknown names stay as they are."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # No such user: as in a shell, the folder has this name.
        return Path(path)
