"""Records digests of weights: as a file was when first seen, and beside each file as it was when last read."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from jova_bench.digests import file_digest
from jova_bench.errors import BenchError
from jova_bench.files.locks import acquire
from jova_bench.files.reading import as_record, read_json
from jova_bench.files.writing import write_file
from jova_bench.records import Record

RECORD = "recorded.json"
"""Digests of files whose publishers state none, as they were when first seen."""

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Seen(RootModel[dict[str, Sha256]]):
    """`recorded.json`: digests by asset."""


class _Note(Record):
    """What `sha256_of` keeps beside a file."""

    size: int
    mtime_ns: int
    sha256: Sha256


def recorded(folder: Path) -> dict[str, str]:
    """Returns the recorded digests (sha256, hex) of a folder of weights, by asset.

    Raises:
        BenchError: the record is there and cannot be read: a file that changed since would pass as seen for the first
            time if it counted as empty.
    """
    path = folder / RECORD
    try:
        return as_record(_Seen, read_json(path), str(path)).root if os.path.lexists(path) else {}
    except BenchError as error:
        advice = (
            "put back the digests of weights that it held, or delete it: files that are here are then recorded again"
        )
        raise BenchError(f"{error}; {advice}") from error


def record(folder: Path, name: str, sha256: str) -> str:
    """Adds a digest to the record of a folder, unless it has one of that name; waits while another process adds one.

    Returns:
        The recorded digest: the first that any process saw.

    Raises:
        BenchError: as `recorded`; the record stays as it is.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f".{RECORD}.lock"
    with acquire(lock, wait=True):  # From the read to the write: a record made between them would be lost.
        try:
            known = recorded(folder)
            if name not in known:
                write_file(folder / RECORD, json.dumps({**known, name: sha256}))
            return known.get(name, sha256)
        finally:
            lock.unlink(missing_ok=True)


def sha256_of(file: Path) -> str:
    """Returns a file's sha256 (hex), cached beside it by size and time of change: a large checkpoint takes seconds."""
    with contextlib.suppress(BenchError):  # No note or a broken one: the file itself is the truth.
        known = as_record(_Note, read_json(_note(file)), str(file))
        if known.model_dump(exclude={"sha256"}) == _state(file):
            return known.sha256
    sha256 = file_digest(file)
    remember(file, sha256)
    return sha256


def remember(file: Path, sha256: str) -> None:
    """Notes the digest of a file as it is now, for `sha256_of`."""
    with contextlib.suppress(OSError):  # A shared folder may be read-only: then it is verified again next time.
        content = json.dumps({**_state(file), "sha256": sha256})
        write_file(_note(file), content)


def _note(file: Path) -> Path:
    return file.with_name(f".{file.name}.sha256.json")


def _state(file: Path) -> dict[str, object]:
    status = file.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
