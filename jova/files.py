"""Atomic writes and links, and locks between processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a path beside `path`, of the same suffix, and renames that file to `path` when the block succeeds.

    Readers therefore see the old file, or none, or the whole new one, with the mode of any new file: safetensors gives
    its own none to others. Makes the parent folder where it is missing; removes the unfinished file if the block fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}.part{os.getpid()}{path.suffix}")
    try:
        unfinished.touch()
        mode = unfinished.stat().st_mode
        yield unfinished
        unfinished.chmod(mode)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Raises ValueError unless files can be written into a folder that is there or can be made; makes nothing."""
    there = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
    probe = there / f".probe{os.getpid()}"
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise ValueError(f"expected a folder that can be written, got {folder}: {error.strerror}") from None


def check_link(link: Path) -> None:
    """Raises ValueError if something other than a link is where `set_link` would put one."""
    if os.path.lexists(link) and not link.is_symlink():
        raise ValueError(f"expected no file or folder of yours at {link}, where a link is to be; move it away")


def set_link(link: Path, target: Path) -> None:
    """Makes a link to a file or folder, in the place of an older link; errors are those of `check_link`."""
    check_link(link)
    unfinished = link.with_name(f".{link.name}.part{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(os.path.relpath(target.resolve(), link.parent.resolve()))
    unfinished.replace(link)


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
