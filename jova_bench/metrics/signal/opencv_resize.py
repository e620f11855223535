"""OpenCV's bilinear scaling of bytes to the last bit, without OpenCV: many benches scale their frames with it.

`cv2.resize(..., interpolation=cv2.INTER_LINEAR)` takes the four nearest pixels whatever the scale (no low pass) and
counts in 1/2048 with cuts on the way, which darkens an eighth of all pixels by a level (modules/imgproc/src/
resize.cpp, `HResizeLinear`, `VResizeLinear`; equal to OpenCV 4.14 and 5.0 on every size that was tried).
"""

from __future__ import annotations

import numpy as np

from jova_bench.arrays import Frames, Indices

ONE = 2048
"""The weights of a pair of pixels add up to this."""


def linear(picture: Frames, height: int, width: int) -> Frames:
    """Scales (H, W, C) bytes to (height, width, C)."""
    if picture.shape[:2] == (height, width):
        return picture
    left, right, from_left, from_right = _taps(picture.shape[1], width)
    above, below, from_above, from_below = _taps(picture.shape[0], height)
    pixels = picture.astype(np.int64)
    rows = (pixels[:, left] * from_left[:, None] + pixels[:, right] * from_right[:, None]) >> 4
    upper, lower = rows[above] * from_above[:, None, None], rows[below] * from_below[:, None, None]
    return (((upper >> 16) + (lower >> 16) + 2) >> 2).astype(np.uint8)


def _taps(before: int, after: int) -> tuple[Indices, Indices, Indices, Indices]:
    """Returns, for each new place, the two old ones around it and their weights."""
    place = ((np.arange(after) + 0.5) * (before / after) - 0.5).astype(np.float32)
    first = np.floor(place).astype(np.int64)
    part = place - first.astype(np.float32)
    from_first, from_next = (np.rint(share * ONE).astype(np.int64) for share in (1 - part, part))
    return np.clip(first, 0, before - 1), np.clip(first + 1, 0, before - 1), from_first, from_next
