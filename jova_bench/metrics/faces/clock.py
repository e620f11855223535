"""Converts any frame rate to the 25 frames a second that SyncNet was trained at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.faces.track import Frames

FPS = 25


def at_25_fps(clip: Clip) -> Frames:
    """Returns the frames of a clip at 25 a second, each the source frame nearest in time.

    Frame n is shown at n / 25 s, source frame j at j / fps. Halfway between two source frames it is the earlier one.
    There are as many frames as the clip's length has 25ths of a second, to the nearest, and at least one. A clip at
    25 fps comes back as it is. (A `Clip` has a constant rate: `media.read` saw to that.)

    Returns:
        (T25, H, W, 3), read from the clip's own frames without a copy of them.

    Raises:
        Undefined: there is no picture.
    """
    if clip.frames is None:
        raise Undefined("no video stream")
    at = moments(clip.frames, clip.fps)
    return clip.frames if clip.fps == FPS else shown(clip.frames, at)


def moments(frames: Frames, fps: Fraction) -> list[int]:
    """Returns which frames of a clip of this rate make one of 25 frames a second, see `at_25_fps`."""
    step = fps / FPS  # Source frames per frame at 25 fps, exact.
    last = len(frames) - 1
    half = Fraction(1, 2)
    count = max(1, floor(len(frames) / step + half))
    return [min(last, ceil(n * step - half)) for n in range(count)]


def shown(frames: Frames, at: Sequence[int]) -> Frames:
    """Returns a view of some frames in some order, for use a few at a time: all at once would be a copy of the clip."""
    return cast(Frames, _Shown(frames, np.asarray(at, dtype=np.int64)))


class _Shown:
    """What loops and detectors need of (T, H, W, 3) frames, which stay where they are."""

    def __init__(self, frames: Frames, at: npt.NDArray[np.int64]) -> None:
        self.frames, self.at = frames, at
        self.shape = (len(at), *frames.shape[1:])

    def __len__(self) -> int:
        return len(self.at)

    def __iter__(self) -> Iterator[Frames]:
        return (self.frames[k] for k in self.at)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | np.integer):
            return self.frames[self.at[key]]
        if isinstance(key, tuple):  # Of few pixels.
            return self.frames[(self.at[key[0]], *key[1:])]
        return _Shown(self.frames, self.at[key])
