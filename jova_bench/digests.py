"""Digests of files, and short ones: 12 hex digits of a sha256, as identities, cache keys and messages show them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

LENGTH = 12
"""Hex digits of a short digest: two of a million contents share one with a chance of 1 in 560."""


def file_digest(path: Path, kind: Literal["sha256", "md5"] = "sha256") -> str:
    """Returns the digest (hex) of a file. Raises OSError for one that cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def short_digest(content: bytes) -> str:
    """Returns the first 12 hex digits of the sha256 of some bytes."""
    return shortened(hashlib.sha256(content).hexdigest())


def shortened(sha256: str) -> str:
    """Returns the first 12 digits of a sha256 in hex."""
    return sha256[:LENGTH]
