"""The shipped evaluators as files: their paths and digests. Imports no torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jova_bench.cache import CacheKey
from jova_bench.digests import file_digest, shortened

FOLDER = Path(__file__).parent / "weights"


def path(name: str) -> Path:
    """Returns the path of an evaluator's weights."""
    return FOLDER / f"{name}.safetensors"


@cache
def digest(name: str) -> str | None:
    """Returns the short digest of the weights file; None when there is no file."""
    file = path(name)
    return shortened(file_digest(file)) if file.exists() else None


def missing(*names: str) -> str | None:
    """Returns None when all these evaluators are there, else why they cannot be used."""
    absent = [name for name in names if digest(name) is None]
    return f"weights missing: {', '.join(str(path(name)) for name in absent)}" if absent else None


def extractor(name: str) -> CacheKey:
    """Returns the cache key of what an evaluator computes from a clip."""
    return CacheKey(name, 1, digest(name))
