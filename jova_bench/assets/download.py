"""Downloads one file of weights: one process at a time, resumed after an interruption, verified, and then renamed.

The weights of metrics and of baselines are both downloaded by it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from jova_bench.assets import transfer
from jova_bench.assets.transfer import Meter, Source
from jova_bench.digests import file_digest
from jova_bench.errors import BenchError
from jova_bench.files.locks import Busy, acquire

OFFLINE_VARIABLE = "JOVA_BENCH_OFFLINE"
Kind = Literal["sha256", "md5", "git"]
"""`git`: the id of a blob, which the Hub states for files that Git itself stores."""


def offline() -> bool:
    """Returns whether the environment forbids the network."""
    return os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0")


def download(source: Source, part: Path, digests: Mapping[Kind, str], meter: Meter, recorded: str = "") -> str:
    """Downloads a file to `source.belongs`; returns its sha256 (hex).

    Args:
        source: the file elsewhere.
        part: where it lies until it is whole, on the same file system.
        digests: what it must have; none where none is published.
        meter: shows progress.
        recorded: says in messages where an expected digest is from.

    Raises:
        BenchError: it could not be downloaded, or its digest is wrong. What arrived is kept where it is of use, and the
            next call continues from there.
    """
    target = source.belongs
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part):
            transfer.fetch(source, part, meter)
            _verify(source, part, digests, recorded)
            sha256 = digest_of(part, "sha256")
            part.replace(target)
            transfer.about_file(part).unlink(missing_ok=True)
    except OSError as error:
        full = source.elsewhere if error.errno == errno.ENOSPC else ""
        raise BenchError(f"{source.name}: cannot write {target.parent}: {error.strerror or error}{full}") from error
    return sha256


def differs(file: Path, size: int | None, digests: Mapping[Kind, str]) -> bool:
    """Returns whether a file is missing, or has another size or digest; reads all of it if its size is right."""
    if not file.is_file() or size not in (None, file.stat().st_size):
        return True
    return any(digest_of(file, kind) != right for kind, right in digests.items())


def digest_of(file: Path, kind: Kind) -> str:
    """Returns a file's digest (hex); of kind `git`: that of a git blob with its content."""
    if kind != "git":
        return file_digest(file, kind)
    with file.open("rb") as content:
        blob = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
        while block := content.read(1 << 20):
            blob.update(block)
        return blob.hexdigest()


def _verify(source: Source, part: Path, digests: Mapping[Kind, str], recorded: str) -> None:
    """Verifies the size and digests of a complete file. Deletes a wrong one: no download could continue from it."""
    size = transfer.size_of(part)
    if source.size != size and (source.size is not None or not size):
        part.unlink(missing_ok=True)
        wanted = "some" if source.size is None else source.size
        raise BenchError(f"{source.name}: expected {wanted} bytes from {source.url}, got {size}")
    for kind, right in digests.items():
        if (got := digest_of(part, kind)) != right:
            part.unlink()
            raise BenchError(f"{source.name}: expected {kind} {right}{recorded}, got {got} from {source.url}")


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Holds the lock of a partial file: two commands must not write it."""
    lock = part.with_name(f".{part.name}.lock")
    try:
        held = acquire(lock)
    except Busy as error:
        raise BenchError(f"another process (pid {error.holder}) is downloading {part}; wait for it") from error
    with held:
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
