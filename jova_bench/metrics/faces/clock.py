"""Any frame rate to the 25 frames a second that SyncNet was trained at."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from jova_bench.metrics.faces.track import Frames
from jova_bench.types import Clip, Undefined

FPS = 25


def at_25_fps(clip: Clip) -> Frames:
    """The frames of a clip at 25 a second, each the source frame nearest in time.

    Frame n is shown at n / 25 s, source frame j at j / fps. Halfway between two source frames it is the earlier one.
    There are as many frames as the clip's length has 25ths of a second, to the nearest, and at least one. A clip at
    25 fps comes back as it is. (A `Clip` has a constant rate: `media.read` saw to that.)

    Returns:
        (T25, H, W, 3).

    Raises:
        Undefined: there is no picture.
    """
    if clip.frames is None:
        raise Undefined("no video stream")
    step = clip.fps / FPS  # Source frames per frame at 25 fps, exact.
    if step == 1:
        return clip.frames
    last = len(clip.frames) - 1
    half = Fraction(1, 2)
    count = max(1, floor(len(clip.frames) / step + half))
    return clip.frames[[min(last, ceil(n * step - half)) for n in range(count)]]
