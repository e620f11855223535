"""Writes files atomically, and removes what killed writers left."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from jova_bench.errors import BenchError
from jova_bench.files.locks import try_lock
from jova_bench.files.paths import shown_path

PART = re.compile(r"\..+\.[0-9a-f]{16}\.part")
"""Names of what is incomplete, as `part_of` makes them."""


def part_of(path: Path) -> Path:
    """Returns a new hidden name beside `path`, for what will replace it when it is complete."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


def write_file(path: Path, content: str | bytes) -> None:
    """Writes a file, text as UTF-8; it appears complete or not at all."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def keep_file(path: Path, content: bytes | None) -> None:
    """Writes a file, or removes it if there is no content; does not touch one that is so already."""
    if content is None:
        path.unlink(missing_ok=True)
    elif not path.is_file() or path.read_bytes() != content:
        write_file(path, content)


def rewrite_file(path: Path, content: str) -> None:
    """Writes a file as `write_file`, in a folder that is there: none is made. Raises OSError."""
    part = part_of(path)
    try:
        with holding(part) as file:
            file.write(content.encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


def check_writable(folder: Path) -> None:
    """Checks, before any work, that files can be written into a folder that is there or can be made.

    Raises:
        BenchError: they cannot. Nothing is made: an empty file is written for a moment beside what is there.
    """
    there = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
    probe = part_of(there / "probe")
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise BenchError(
            f"expected a folder that can be written, got {shown_path(folder)}: {error.strerror}"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yields a file that replaces `path` when complete; it is invisible before, and never counts as abandoned."""
    with replaced(path) as part, holding(part) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yields a new name: what is made there, a file or a link, replaces `path` unless the block fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def holding(path: Path) -> Iterator[IO[bytes]]:
    """Yields a new locked file, not `abandoned` while open: the system releases the lock when this process dies."""
    with path.open("xb") as file:
        try_lock(file)
        yield file


def abandoned(path: Path) -> bool:
    """Returns whether no process holds the lock of a file, which must be no link or pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return try_lock(handle)
    except OSError:
        return False
    finally:
        os.close(handle)


def remove_parts(folder: Path) -> None:
    """Removes files that killed processes left incomplete below a folder. Links are not followed."""
    for where, _, names in os.walk(folder):
        for path in (Path(where, name) for name in names if PART.fullmatch(name)):
            if abandoned(path):
                with suppress(OSError):
                    path.unlink()
