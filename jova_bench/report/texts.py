"""Writes views of results atomically."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.files.writing import write_file


def write_texts(folder: str | os.PathLike[str], texts: Mapping[str, str]) -> list[Path]:
    """Writes files into a folder, which is created where it is missing.

    Args:
        folder: target folder.
        texts: text by file name.

    Raises:
        BenchError: the folder cannot be written.
    """
    return [write_text(Path(folder) / name, text) for name, text in texts.items()]


def write_text(path: Path, text: str) -> Path:
    """Writes a file atomically."""
    try:
        write_file(path, text)
    except OSError as error:
        raise BenchError(f"expected a folder that can be written, got {path.parent}: {error.strerror}") from error
    return path
