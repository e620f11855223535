"""Keeps local copies of files of another machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from jova_bench.files.writing import write_file


class Copies:
    """Keeps the most recently used files of another machine in a local temporary folder."""

    def __init__(self, read: Callable[[Path], bytes], kept: int = 64) -> None:
        """Creates the folder, without copies.

        Args:
            read: returns the content of a file.
            kept: how many copies are kept at once.
        """
        self._read, self._kept = read, kept
        self._folder = tempfile.TemporaryDirectory(prefix="jova-bench-")
        self._copies: dict[Path, Path] = {}
        """Copies by source path; the most recently used one comes last."""

    def get(self, path: Path) -> Path:
        """Returns the copy of a file, under its own name; it stays until `kept` others were used after it."""
        copy = self._copies.pop(path, None)
        if copy is None:
            copy = Path(self._folder.name) / hashlib.sha256(os.fsencode(path)).hexdigest() / path.name
            write_file(copy, self._read(path))
            if len(self._copies) == self._kept:
                self._copies.pop(next(iter(self._copies))).unlink(missing_ok=True)
        self._copies[path] = copy
        return copy

    def close(self) -> None:
        """Removes all copies."""
        self._folder.cleanup()
