"""Checks that a clip of a run is still what was recorded: by its file, or else by its decoded content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jova_bench.digests import file_digest, shortened
from jova_bench.errors import BenchError
from jova_bench.execution.base import WorkerContext
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.runs.plan_check import decoded_bytes

CHANGED = "the clip changed on disk after it was recorded"
AGAIN = "repeat the command that made it, or put the old file back"


@dataclass(frozen=True)
class ChangedClip:
    """Takes the place of a clip that is no longer what was recorded."""

    reason: str


def recorded_clip(path: Path, file_sha256: str, clip_digest: str, pictures: bool) -> Clip | ChangedClip:
    """Reads a clip and checks that it is as recorded; returns how it changed otherwise.

    Args:
        path: of the clip.
        file_sha256: sha256 (hex) of the file that was recorded.
        clip_digest: `Clip.digest` that was recorded.
        pictures: whether its frames are needed.
    """
    if not path.is_file() or file_digest(path) == file_sha256:
        # The same file shows and sounds the same. What is kept by content is kept by the whole clip's.
        clip = media.read(path, pictures=pictures, digest=clip_digest)
        if file_digest(path) == file_sha256:
            return clip
        return changed(clip_digest, "another file while it was read")
    return _same_content(path, clip_digest)


@dataclass(frozen=True)
class ContentCheck:
    """A clip whose file is not the one that was recorded."""

    clip: Path
    clip_digest: str
    """`Clip.digest` when it was recorded."""


def content_checker(context: WorkerContext) -> Callable[[ContentCheck], tuple[str, int] | ChangedClip]:
    """Builds the function by which a worker checks that such a clip still has the same content.

    It returns the sha256 (hex) of the file, which did not change while it was decoded, and the clip's bytes in memory.
    """

    def look(one: ContentCheck) -> tuple[str, int] | ChangedClip:
        file = context.file(one.clip)
        digest = file_digest(file)
        found = _same_content(file, one.clip_digest)
        if isinstance(found, ChangedClip):
            return found
        if file_digest(file) != digest:
            return changed(one.clip_digest, "another file while it was read")
        return digest, decoded_bytes(found)

    return look


def _same_content(path: Path, clip_digest: str) -> Clip | ChangedClip:
    """Decodes a clip whose file is not, or not known to be, the one that was recorded; its content must be the same."""
    try:
        clip = media.read(path)
    except BenchError as error:
        return ChangedClip(f"{CHANGED}: {error}; {AGAIN}")
    if clip.digest == clip_digest:
        return clip
    return changed(clip_digest, f"decoded content {shortened(clip.digest)}")


def changed(clip_digest: str, found: str) -> ChangedClip:
    """Formats that a clip is not what was recorded: its digest then, and what was found now."""
    return ChangedClip(f"{CHANGED}: expected decoded content {shortened(clip_digest)}, got {found}; {AGAIN}")
