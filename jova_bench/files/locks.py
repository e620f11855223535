"""Locks files; the system releases a lock when its holder ends, however it ends.

The library `filelock` is no replacement, for three things are promised: a file is locked while it is
written under its own name (`writing.holding`), a training inherits its caller's lock as an open file, and no file
system may get a lock that outlives a killed holder, which is what that library falls back to.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError as error:
    from jova_bench.errors import NO_WINDOWS

    raise ImportError(NO_WINDOWS) from error


MOMENT_S = 0.02
"""Longest time that `held` takes a lock for; `acquire` waits for a few of them before it gives up."""


class Busy(Exception):
    """Another process holds the lock."""

    def __init__(self, holder: str) -> None:
        """Stores the process number that the holder wrote into the file, or `unknown`."""
        super().__init__(f"another process (pid {holder}) holds it")
        self.holder = holder


def try_lock(file: IO[Any] | int) -> bool:
    """Locks an open file until it is closed; returns False when another process holds it.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def acquire(path: Path, wait: bool = False) -> IO[str]:
    """Opens and locks a file and writes the number of this process into it; closing the file releases the lock.

    Args:
        path: the lock file, made where it is missing; its holder may delete it.
        wait: waits for the other holder instead of raising.

    Raises:
        Busy: another process holds it.
        OSError: the file cannot be opened or the file system has no locks.
    """
    while True:
        file = path.open("a+", encoding="utf-8", errors="replace")
        try:
            if wait:
                fcntl.flock(file, fcntl.LOCK_EX)
            elif not _try_again(file):
                file.seek(0)
                raise Busy(file.read().strip() or "unknown")
            if _names(path, file):
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # Its last holder deleted it between our opening and locking it: another may have a new one.


def held(path: Path) -> bool:
    """Returns whether a process holds the lock of a file; False where there is no such file.

    Locks of other machines are seen where the file system shows them. Asking takes a lock that others can share, for a
    moment that `acquire` waits for: nothing that begins meanwhile is refused.

    Raises:
        OSError: the file cannot be opened, or the file system has no locks.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _try_again(file: IO[Any]) -> bool:
    """Locks a file as `try_lock`, also if another process is just asking whether it is locked."""
    for _ in range(3):
        if try_lock(file):
            return True
        time.sleep(MOMENT_S)
    return try_lock(file)


def _names(path: Path, file: IO[str]) -> bool:
    """Returns whether the path still refers to the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
