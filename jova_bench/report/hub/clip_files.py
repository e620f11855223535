"""Decides whether the file of a clip has nothing but its picture and its sound."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jova_bench.report.hub.boxes import unplayed
from jova_bench.report.hub.redaction import Redaction

WRITTEN = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "language", "handler_name", "vendor_id", "duration",
    "creation_time",
}  # fmt: skip
"""Tags that programs write of themselves, in small letters. Any other may hold a prompt, a workflow or a name."""


def why_not(path: Path, redact: Redaction) -> str | None:
    """Returns what else the file has, as a reason why it is not published; None where there is nothing else.

    Such a file is left out: a copy without it would not have the digest that the records have.
    """
    import av

    try:
        with av.open(str(path)) as file:
            kinds = [stream.type for stream in file.streams]
            tags = [file.metadata, *(stream.metadata for stream in file.streams)]
            chapters, of_boxes = len(file.chapters()), "mp4" in file.format.name
    except (av.FFmpegError, OSError):
        return "its file cannot be read, so what is in it is not known"
    if chapters:
        return "its file has chapters, whose titles may tell of this machine or its user"
    if any(kinds.count(kind) > 1 or kind not in ("video", "audio") for kind in kinds):
        return f"its file has more than one picture and one sound: {', '.join(kinds)}"
    if tag := _telling(tags, redact):
        return f"its file has a tag {redact(tag)!r}, which may tell of this machine or its user"
    if redact.tells(content := path.read_bytes()):
        return "its file has a path or a secret of this machine in it"
    if of_boxes and (box := unplayed(content)):
        return f"its file has a part {redact(box)!r}, which is not played and may hold anything"
    return None


def _telling(tags: Iterable[dict[str, str]], redact: Redaction) -> str | None:
    """Returns the name of a tag that no program writes of itself, or whose text would be redacted."""
    every = [(name, text) for one in tags for name, text in one.items() if text]
    return next((name for name, text in every if name.lower() not in WRITTEN or redact(text) != text), None)
