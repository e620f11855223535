"""Checks edits against the files that they give: what is read, has the streams, and holds the span or the box."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.prompts import DRIVEN, Edit, Prompt

STREAMS: Mapping[str, tuple[str, ...]] = {
    "speech": ("picture", "sound"),
    "mouth": ("picture",),
    "sound": ("picture",),
}
"""What the clip of an edit must have, by the kind of the edit."""
ROUNDING_S = 1e-6


def edit_faults(prompt: Prompt, root: Path) -> list[str]:
    """Returns the faults of a prompt's edit that only its files can show, one line each: `field: fault`.

    Args:
        prompt: any prompt; one without an edit has no fault.
        root: folder that the prompt's paths are relative to.
    """
    edit, found = prompt.edit, list[str]()
    if edit is None:
        return found
    if edit.clip is not None:
        try:
            found += _faults(edit, media.read(root / edit.clip, pictures=True))
        except BenchError as error:
            found.append(f"edit.clip: {error}")
    if edit.kind in DRIVEN and prompt.audio is not None:
        try:
            if media.read(root / prompt.audio, pictures=False).audio is None:
                found.append(f"audio: expected a file with sound for an edit of kind {edit.kind!r}, got one without")
        except BenchError as error:
            found.append(f"audio: {error}")
    return found


def _faults(edit: Edit, clip: Clip) -> Iterator[str]:
    """Yields the faults of an edit of this clip."""
    there = {"picture": clip.frames is not None, "sound": clip.audio is not None}
    for stream in STREAMS[edit.kind]:
        if not there[stream]:
            yield f"edit.clip: expected a clip with a {stream} for an edit of kind {edit.kind!r}, got one without"
    if edit.span_s is not None and edit.span_s[1] > clip.seconds + ROUNDING_S:
        end_s = math.floor(1000 * (clip.seconds + ROUNDING_S)) / 1000  # Rounded up, it would be outside again.
        start, end = (f"{time_s:g}" for time_s in edit.span_s)
        yield f"edit.span_s: expected a span within the clip, 0 to {end_s:g} s, got {start} to {end} s"
    if edit.box is not None and clip.frames is not None:
        height, width = clip.frames.shape[1:3]
        if edit.box[2] > width or edit.box[3] > height:
            sides = ", ".join(f"{side:g}" for side in edit.box)
            yield f"edit.box: expected a box within the picture, 0, 0, {width}, {height}, got {sides}"
