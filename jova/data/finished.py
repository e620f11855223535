"""Which shards of a folder are finished, and hold the clips of a manifest as it is now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from jova.data.manifest import KeptClip
from jova.data.shard_index import INDEX, SHARD_NAME, MadeBy, Shard, ShardRecord
from jova.files import locked

LOCK = ".lock"
"""File that a process locks while it looks at all shards."""

Finished = list[tuple[Shard, set[str]]]
"""Shards, each with the ids of its clips."""
Lines = Mapping[str, KeptClip | None]
"""All clips of a manifest by their ids; None for those that are rejected."""


def finished_shards(out: Path, made_by: MadeBy, lines: Lines) -> Finished:
    """Returns the finished shards of OUT, each with its ids; removes those of clips that have changed.

    Raises:
        ValueError: they are of other encoders, or of another manifest.
    """
    found, records = [], dict[Path, ShardRecord]()
    with locked(out / LOCK, wait=True):
        for path in sorted(out.glob("*-[0-9]*.json")):
            if not SHARD_NAME.fullmatch(path.stem):
                continue
            try:
                records[path] = ShardRecord.read(path)
            except ValueError as error:
                raise ValueError(f"{error}; remove that file first") from None
            made_by.require(records[path].made_by, path)
        _require_ours(records, lines)
        for path, record in records.items():
            tar, kept = path.with_suffix(".tar"), [(lines[clip.id], clip.digest) for clip in record.clips]
            whole = tar.is_file() and tar.stat().st_size == record.shard.bytes
            if whole and all(clip and digest_of(clip) == digest for clip, digest in kept):
                found.append((record.shard, {clip.id for clip in record.clips}))
                continue
            # The index first: without one, nothing reads what is being changed.
            for stale in (out / INDEX, path, tar):
                stale.unlink(missing_ok=True)
    return found


def _require_ours(records: Mapping[Path, ShardRecord], lines: Lines) -> None:
    """Raises ValueError if finished shards are of another manifest, whose work would be lost.

    They are if it has no line for one of their clips, or if the files of all have other sizes: videos of two folders
    that have the same names give the same ids.
    """
    stored = [(path, clip) for path, record in records.items() for clip in record.clips]
    other = next(((path, clip) for path, clip in stored if clip.id not in lines), None)
    if other is None and all(clip.bytes and clip.bytes != bytes_of(lines[clip.id]) for _, clip in stored):
        other = next(iter(stored), None)
    if other is not None:
        raise ValueError(
            f"expected shards of the clips of this manifest, got clip {other[1].id} of another in {other[0]}; use "
            "another --out, remove the shards first, or give clips that were taken out a line that says rejected"
        )


def digest_of(clip: KeptClip) -> str:
    """Returns a digest of what a manifest says of a clip, and of the sizes of its files: whether it has changed."""
    sizes = [path.stat().st_size if path.is_file() else None for path in (clip.path, clip.boxes_path)]
    facts = (clip.id, clip.frames, str(clip.fps), clip.height, clip.width, clip.boxes, clip.speech, clip.prompt, sizes)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def bytes_of(clip: KeptClip | None) -> int:
    """Returns the size of a clip's file; 0 without one."""
    return clip.path.stat().st_size if clip and clip.path.is_file() else 0
