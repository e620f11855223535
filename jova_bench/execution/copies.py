"""Local copies of files that lie on another machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from jova_bench.files.writing import replacing


class Copies:
    """Files that lie on another machine, in a temporary folder of this one: the latest that were asked for."""

    def __init__(self, read: Callable[[Path], bytes], kept: int = 64) -> None:
        """Copies nothing yet.

        Args:
            read: gives the content of a file.
            kept: how many copies lie here at once.
        """
        self._read, self._kept = read, kept
        self._folder = tempfile.TemporaryDirectory(prefix="jova-bench-")
        self._copies: dict[Path, Path] = {}
        """The one asked for last comes last."""

    def get(self, path: Path) -> Path:
        """The copy of a file, under its own name; it stays until `kept` others were asked for after it."""
        copy = self._copies.pop(path, None)
        if copy is None:
            copy = Path(self._folder.name) / hashlib.sha256(os.fsencode(path)).hexdigest() / path.name
            with replacing(copy) as file:
                file.write(self._read(path))
            if len(self._copies) == self._kept:
                self._copies.pop(next(iter(self._copies))).unlink(missing_ok=True)
        self._copies[path] = copy
        return copy

    def close(self) -> None:
        """Removes them."""
        self._folder.cleanup()
