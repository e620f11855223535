"""Files that appear whole or not at all, and what is left of them when their writer is killed."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from jova_bench.files.locks import try_lock

PART = re.compile(r"\..+\.(?:[0-9a-f]{16}\.part|[0-9]+\.part\.(?:mp4|wav|flac))")
"""Names of files before they are complete: those of `replacing`, and those of `media.write`."""


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when complete; nobody sees it before, or takes it for abandoned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with holding(part) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def holding(path: Path) -> Iterator[IO[bytes]]:
    """A new file that is not `abandoned` while it is open here: the system lets go of it when this process dies."""
    with path.open("xb") as file:
        try_lock(file)
        yield file


def abandoned(path: Path) -> bool:
    """Whether nobody holds a file, which is no link or pipe."""
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
