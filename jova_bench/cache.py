"""Caches extracted arrays: not at all, or in npz files that several processes may share."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from jova_bench.arrays import Arrays
from jova_bench.files.writing import write_file


@dataclass(frozen=True)
class CacheKey:
    """What computed an array: everything beside the content of a clip that could change it.

    The string form, `extractor@version[weights] {name=value,...}`, is what a cache stores by.
    """

    extractor: str
    version: int | None = None
    """Raised when the same content could get another array."""
    weights: str | None = None
    """Digests of the weights."""
    params: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        version = "" if self.version is None else f"@{self.version}"
        weights = "" if self.weights is None else f"[{self.weights}]"
        params = ",".join(f"{name}={self.params[name]}" for name in sorted(self.params))
        return f"{self.extractor}{version}{weights}" + (f" {{{params}}}" if params else "")


class FeatureCache(Protocol):
    """Maps (content digest, extractor key) to arrays. Failures are never stored: an exception passes through."""

    def get(self, digest: str, extractor: CacheKey | str, compute: Callable[[], Arrays]) -> Arrays:
        """Returns the stored arrays, or computes, stores and returns them."""
        ...


class NoCache:
    """Computes every time; for training loops and tests."""

    def get(self, digest: str, extractor: CacheKey | str, compute: Callable[[], Arrays]) -> Arrays:
        """Computes and returns the arrays."""
        return compute()


class _Absent(Exception):
    """Raised where nothing is stored under a key."""


def peek(cache: FeatureCache, digest: str, extractor: CacheKey | str) -> Arrays | None:
    """Returns what a cache has under a key, or None; computes nothing."""

    def absent() -> Arrays:
        raise _Absent

    try:
        return cache.get(digest, extractor, absent)
    except _Absent:
        return None


ARRAYS = "??/*.npz"
"""Files of a cache, in its folder."""


class DiskCache:
    """Stores arrays by (content digest, extractor) in npz files that several processes may share.

    Nothing is pickled. An exception of `compute` passes through and is not stored; a broken file is computed
    again. Each file ends with a digest of its key and content (a zip file's comment, so that it stays an npz).
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._latest: dict[str, Arrays] = {}
        """Most recently used small arrays: five metrics read one shift curve of a clip, one after the other."""

    def get(self, digest: str, extractor: CacheKey | str, compute: Callable[[], Arrays]) -> Arrays:
        """Returns the stored arrays, or computes, stores and returns them."""
        key = hashlib.sha256(f"{digest}\n{extractor}".encode()).hexdigest()
        if key not in self._latest:
            return self._kept(key, self._stored_or_made(key, compute))
        # A copy: what a metric does to its arrays, the next one must not see.
        return {name: array.copy() for name, array in self._latest[key].items()}

    def take(self, files: Iterable[Path]) -> None:
        """Links files of another cache that are not here, or copies them from another file system.

        No file of a cache is ever changed. What is a link itself is not taken, as it may lead anywhere.
        """
        for path in files:
            if path.is_symlink():
                continue
            here = self.folder / path.parent.name / path.name
            with suppress(OSError):  # What cannot be taken is computed as ever.
                here.parent.mkdir(parents=True, exist_ok=True)
                try:
                    here.hardlink_to(path)
                except FileExistsError:
                    pass
                except OSError:
                    write_file(here, path.read_bytes())

    def _kept(self, key: str, arrays: Arrays) -> Arrays:
        if sum(array.nbytes for array in arrays.values()) <= SMALL_BYTES:
            if len(self._latest) == LATEST:
                del self._latest[next(iter(self._latest))]
            self._latest[key] = {name: array.copy() for name, array in arrays.items()}
        return arrays

    def _stored_or_made(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        path = self.folder / key[:2] / f"{key}.npz"
        try:
            content = path.read_bytes()
        except OSError:
            pass
        else:
            if (stored := _unsealed(key, content)) is not None:
                return stored
        # The same dtypes and shapes whether computed or read.
        arrays = {name: np.asarray(array) for name, array in compute().items()}
        made = io.BytesIO()
        np.savez(made, allow_pickle=False, **arrays)
        self._store(path, _sealed(key, made.getvalue()))
        return arrays

    def _store(self, path: Path, content: bytes) -> None:
        write_file(path, content)


LATEST, SMALL_BYTES = 64, 100_000
"""Number of arrays that a cache keeps in memory, and the size of the largest."""
_ZIP_END = b"PK\x05\x06"
"""The last 22 bytes of a zip file without a comment begin with it; the last two are the comment's length."""


def _sealed(key: str, content: bytes) -> bytes:
    """Returns a zip file whose comment is the digest of its key and content."""
    seal = hashlib.sha256(key.encode() + content).hexdigest().encode()
    return content[:-2] + len(seal).to_bytes(2, "little") + seal


def _unsealed(key: str, content: bytes) -> Arrays | None:
    """Returns the arrays of a file, or None when it is not what was written under the key."""
    end = len(content) - 64
    if content[-22:-18] == _ZIP_END:
        pass  # Older versions wrote no digest.
    elif end < 22 or _sealed(key, content[: end - 2] + bytes(2)) != content:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception:  # A file without a digest that was damaged: zip, zlib and numpy have many ways to say so.
        return None
