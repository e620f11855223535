"""Finds and ends the descendants of a process, on either side: Python 3.9 and the standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path


def of(process: int) -> list[int]:
    """Lists the ids of all descendants of a process, including those that left its group; empty without /proc."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # The process has ended meanwhile.
            parent = int(file.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(file.parent.name))
    found = [process]
    for one in found:
        found += children.get(one, [])
    return found[1:]


def kill(processes: list[int]) -> None:
    """Kills processes; ignores those that have ended."""
    for one in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def adopt_orphans() -> None:
    """Makes this process the parent of orphaned descendants (Linux), so that they are found and ended."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def end_with(parent: int) -> None:
    """Ends this process and its descendants when the parent has ended, at any time: it occupies a GPU."""
    while os.getppid() == parent:
        time.sleep(0.5)
    kill(of(os.getpid()))
    os.killpg(0, signal.SIGKILL)
