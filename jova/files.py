"""Atomic writes, and locks between processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a path beside `path`, of the same suffix, and renames that file to `path` when the block succeeds.

    Readers therefore see the old file, or none, or the whole new one. Makes the parent folder where it is missing;
    removes the unfinished file if the block fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}.part{os.getpid()}{path.suffix}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, wait: bool) -> Iterator[bool]:
    """Holds a lock file, which is free again when the process ends however it ends; yields whether it is held.

    Args:
        path: of the file; it is made where it is missing.
        wait: until no other process holds it.
    """
    with path.open("a") as lock:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
        yield True
