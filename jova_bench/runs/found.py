"""Finds run folders, and tells which are being written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from jova_bench.files.locks import held
from jova_bench.files.paths import file_seen, shown_path
from jova_bench.logs import LOG
from jova_bench.runs.store import LOCK, MANIFEST, SAMPLES, SCORES, SUMMARY


def is_run(folder: Path) -> bool:
    """Returns whether a folder has records of a run, whole or broken."""
    return any(file_seen(folder / name) for name in (MANIFEST, SAMPLES))


def find_runs(top: Path) -> Iterator[Path]:
    """Yields the run folders in a folder at any depth, itself if it is one, by name; what lies in one is its own.

    Hidden folders are passed over, links are not followed, and a line says which folders cannot be listed.

    Raises:
        OSError: the folder cannot be listed.
    """
    os.scandir(top).close()
    for path, folders, files in os.walk(top, onerror=_tell):
        if MANIFEST in files or SAMPLES in files:
            folders.clear()
            yield Path(path)
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def _tell(error: OSError) -> None:
    LOG.warning("jova-bench: passed over: %s: %s", shown_path(error.filename), error.strerror)


def linked_folders(top: Path) -> list[Path]:
    """Returns the links to folders that `find_runs` does not follow, by name. Raises OSError as that."""
    os.scandir(top).close()
    found = []
    for path, folders, files in os.walk(top):
        if MANIFEST in files or SAMPLES in files:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [one for name in folders if (one := Path(path, name)).is_symlink()]
    return found


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
