"""Records digests of weights: as a file was when first seen, and beside each file as it was when last read."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.files.locks import acquire
from jova_bench.files.reading import file_digest, read_json
from jova_bench.files.writing import replacing

RECORD = "recorded.json"
"""Digests of files whose publishers state none, as they were when first seen."""


def recorded(folder: Path) -> dict[str, str]:
    """Returns the recorded digests (sha256, hex) of a folder of weights, by asset."""
    try:
        known = read_json(folder / RECORD)
    except BenchError:
        return {}
    return known if isinstance(known, dict) else {}


def record(folder: Path, name: str, sha256: str) -> None:
    """Adds a digest to the record of a folder; waits while another process adds one.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f".{RECORD}.lock"
    with acquire(lock, wait=True):  # From the read to the write: a record made between them would be lost.
        try:
            content = json.dumps({**recorded(folder), name: sha256})
            with replacing(folder / RECORD) as file:
                file.write(content.encode())
        finally:
            lock.unlink(missing_ok=True)


def sha256_of(file: Path) -> str:
    """Returns a file's sha256 (hex), cached beside it by size and time of change: a large checkpoint takes seconds."""
    state = _state(file)
    try:
        known = read_json(_note(file))
        if isinstance(known, dict) and {key: known.get(key) for key in state} == state:
            return str(known["sha256"])
    except (BenchError, KeyError):
        pass  # No note or a broken one: the file itself is the truth.
    sha256 = file_digest(file)
    remember(file, sha256)
    return sha256


def remember(file: Path, sha256: str) -> None:
    """Notes the digest of a file as it is now, for `sha256_of`."""
    with contextlib.suppress(OSError):  # A shared folder may be read-only: then it is verified again next time.
        content = json.dumps({**_state(file), "sha256": sha256})
        with replacing(_note(file)) as note:
            note.write(content.encode())


def _note(file: Path) -> Path:
    return file.with_name(f".{file.name}.sha256.json")


def _state(file: Path) -> dict[str, object]:
    status = file.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
