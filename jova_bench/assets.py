"""Weights that do not ship with the package: where they come from, where they lie, and that they are the right ones."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from jova_bench.registry import suggest
from jova_bench.types import BenchError, Unavailable

FOLDER_VARIABLE = "JOVA_BENCH_ASSETS"


@dataclass(frozen=True)
class Asset:
    """One file of weights."""

    name: str
    file: str
    """Path inside the assets folder."""
    url: str
    sha256: str
    licence: str
    """SPDX expression."""
    metrics: tuple[str, ...]
    """Metrics that need it."""


def _whisper(model: str, sha256: str) -> Asset:
    """A checkpoint of openai/whisper, whose addresses carry their digest (`whisper/__init__.py`)."""
    url = f"https://openaipublic.azureedge.net/main/whisper/models/{sha256}/{model}.pt"
    return Asset(f"whisper-{model}", f"whisper/{model}.pt", url, sha256, "MIT", ("wer", "cer"))


ASSETS = {
    asset.name: asset
    for asset in (
        _whisper("tiny.en", "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03"),
        _whisper("base.en", "25a8566e1d0c1e2231d1c762132cd20e0f96a85d16145c3a00adf5d1ac670ead"),
        _whisper("large-v3", "e5b1a55b89c1367dacf97e3e19bfd829a01529dbfdeefa8caeb59b3f1b81dadb"),
    )
}


def folder() -> Path:
    """`$JOVA_BENCH_ASSETS`, else `jova_bench` in the user's cache folder."""
    if os.environ.get(FOLDER_VARIABLE):
        return Path(os.environ[FOLDER_VARIABLE]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jova_bench"


def find(name: str) -> Path:
    """The file of an asset, verified.

    Raises:
        Unavailable: it is not there, or is not what was published.
        BenchError: there is no asset of that name.
    """
    if name not in ASSETS:
        raise BenchError(f"expected the name of an asset, got {name!r}; {suggest(name, ASSETS)}")
    asset = ASSETS[name]
    path = folder() / asset.file
    if not path.is_file():
        raise Unavailable(
            f"weights missing: put {path.name} (sha256 {asset.sha256}) at {path.parent} or set {FOLDER_VARIABLE}; "
            f"from {asset.url}"
        )
    digest = _digest(path)
    if digest != asset.sha256:
        raise Unavailable(
            f"weights damaged: expected sha256 {asset.sha256}, got {digest} for {path}; "
            f"put it there anew from {asset.url}"
        )
    return path


def _digest(path: Path) -> str:
    """sha256 (hex) of a file, remembered beside it by size and time of change: a large checkpoint takes seconds."""
    status = path.stat()
    state = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    note = path.with_name(f".{path.name}.sha256.json")
    try:
        known = json.loads(note.read_bytes())
        if isinstance(known, dict) and {key: known.get(key) for key in state} == state:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError):
        pass  # No note or a broken one: the file itself is the truth.
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    part = note.with_name(f"{note.name}.{os.getpid()}")
    try:
        part.write_text(json.dumps({**state, "sha256": digest}), encoding="utf-8")
        part.replace(note)
    except OSError:
        pass  # A shared folder that is read-only: verified again next time.
    return digest
