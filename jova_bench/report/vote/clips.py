"""Makes clips alike but for what they show: one encoder, no words of its maker, and one size for all of a prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jova_bench.arrays import Frames
from jova_bench.errors import BenchError
from jova_bench.execution.base import WorkerContext
from jova_bench.media import files as media
from jova_bench.media.encode import PictureCodec

CODEC = PictureCodec(options={"crf": "14", "bf": "0"})
"""Near transparent, in about half of the bytes that a run's own clips take."""
_HEADER = 8
"""Bytes of an empty box of mp4: its length, and `free`."""


@dataclass(frozen=True)
class Copy:
    """Describes one clip to make."""

    key: str
    source: Path
    target: Path


def begun(context: WorkerContext) -> Callable[[Copy], str | None]:
    """Returns the function that a worker runs."""
    return make


def make(copy: Copy) -> str | None:
    """Decodes a clip and encodes it again; returns why it cannot be shown."""
    try:
        clip = media.read(copy.source)
        if clip.frames is None:
            return "it has no picture"
        media.write(copy.target, _even(clip.frames), clip.fps, clip.audio, clip.sample_rate_hz, clip.layout, CODEC)
    except BenchError as error:
        return str(error).replace(str(copy.source), copy.source.name)
    return None


def fill(paths: list[Path]) -> None:
    """Makes files equally long, by a box that players skip at the end of each."""
    longest = max(path.stat().st_size for path in paths) + _HEADER
    for path in paths:
        length = longest - path.stat().st_size
        with path.open("ab") as file:
            file.write(length.to_bytes(4, "big") + b"free" + bytes(length - _HEADER))


def _even(frames: Frames) -> Frames:
    """Returns frames of even sizes: the last row or column stands twice where it has to."""
    odd = [(0, 0), *((0, size % 2) for size in frames.shape[1:3]), (0, 0)]
    return np.pad(frames, odd, mode="edge") if any(end for _, end in odd) else frames
