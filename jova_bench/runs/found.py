"""Finds run folders, and tells which are being written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from jova_bench.files.locks import held
from jova_bench.runs.store import LOCK, MANIFEST, SAMPLES, SCORES, SUMMARY

DEEPEST = 4
"""Levels of folders below one that are searched."""


def is_run(folder: Path) -> bool:
    """Returns whether a folder has records of a run, whole or broken."""
    return (folder / SAMPLES).is_file() or all((folder / name).is_file() for name in (MANIFEST, SUMMARY))


def find_runs(folder: Path) -> Iterator[Path]:
    """Yields the run folders in a folder and below, by name; what is inside of a run is none.

    Hidden folders are passed over, and links are not followed.

    Raises:
        OSError: the folder cannot be listed.
    """
    return _below(folder, DEEPEST)


def _below(folder: Path, deepest: int) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        names = sorted(one.name for one in entries if one.is_dir(follow_symlinks=False) and one.name[0] != ".")
    for one in (folder / name for name in names):
        if is_run(one):
            yield one
        elif deepest and os.access(one, os.R_OK | os.X_OK):
            yield from _below(one, deepest - 1)


def is_written(folder: Path) -> bool:
    """Returns whether a process is writing a run, as far as this machine can see. Raises OSError as `locks.held`."""
    return held(folder / LOCK)


def written_at(folder: Path) -> float:
    """Returns when a record of a run was last written: seconds since 1970, 0 where there is none."""
    times = [0.0]
    for name in (MANIFEST, SAMPLES, SCORES, SUMMARY):
        try:
            times.append((folder / name).stat().st_mtime)
        except FileNotFoundError:
            continue
    return max(times)
