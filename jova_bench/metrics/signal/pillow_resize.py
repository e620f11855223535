"""Pillow's scaling of bytes to the last bit, without Pillow: most published networks use it.

`Image.resize` with `BICUBIC` or `BILINEAR` widens the filter where it shrinks (a low pass), first along the rows and
then along the columns, with weights in 1/2^22 and whole levels in between (src/libImaging/Resample.c; equal to Pillow
11.0 on every size that was tried). Pillow 13 begins with the columns where that is less work, which moves single
levels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from jova_bench.arrays import FloatArray, Frames

ONE = 2**22
"""The weights of a new pixel add up to about this."""


Filter = Literal["bicubic", "bilinear"]


def bicubic(picture: Frames, height: int, width: int) -> Frames:
    """Scales (H, W, C) bytes to (height, width, C)."""
    return _resized(picture, height, width, "bicubic")


def bilinear(picture: Frames, height: int, width: int) -> Frames:
    """Scales (H, W, C) bytes to (height, width, C)."""
    return _resized(picture, height, width, "bilinear")


def bicubic_crop(picture: Frames, side: int) -> Frames:
    """Scales (H, W, C) bytes until the shorter side fits and cuts out the middle: (side, side, C).

    As torchvision's `Resize(side)` and `CenterCrop(side)`: the longer side is cut to whole pixels, an odd margin is
    rounded to the even number.
    """
    height, width = picture.shape[:2]
    short = min(height, width)
    scaled = bicubic(picture, int(side * height / short), int(side * width / short))
    top, left = (round((length - side) / 2) for length in scaled.shape[:2])
    return scaled[top : top + side, left : left + side]


def _resized(picture: Frames, height: int, width: int, kind: Filter) -> Frames:
    across = _along(picture.transpose(1, 0, 2), width, kind).transpose(1, 0, 2)
    return _along(across, height, kind)


def _along(pixels: Frames, after: int, kind: Filter) -> Frames:
    """Resamples (n, ...) to (after, ...)."""
    before = len(pixels)
    if before == after:
        return pixels
    # Whole numbers below 2^40, so that sums in double precision are exact whatever their order.
    sums = _weights(before, after, kind) @ pixels.reshape(before, -1).astype(np.float64)
    levels = np.floor((sums + ONE / 2) / ONE)
    return np.clip(levels, 0, 255).astype(np.uint8).reshape(after, *pixels.shape[1:])


@lru_cache(maxsize=8)
def _weights(before: int, after: int, kind: Filter) -> FloatArray:
    """Returns (after, before) whole numbers: the weight of each old pixel in each new one."""
    scale = before / after
    stretch = max(scale, 1.0)
    reach, shape = (2, _keys) if kind == "bicubic" else (1, _triangle)
    weights = np.zeros((after, before))
    for new in range(after):
        centre = (new + 0.5) * scale
        first = max(int(centre - reach * stretch + 0.5), 0)
        last = min(int(centre + reach * stretch + 0.5), before)
        row = shape((np.arange(first, last, dtype=np.float64) - centre + 0.5) * (1 / stretch))
        weights[new, first:last] = row / row.sum()
    return np.trunc(weights * ONE + np.copysign(0.5, weights))


def _keys(x: FloatArray) -> FloatArray:
    """Evaluates Keys' cubic with a = -0.5: 1 at 0, 0 at other whole numbers and beyond 2."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = -0.5 * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _triangle(x: FloatArray) -> FloatArray:
    """Evaluates the triangle that is 1 at 0 and falls to 0 at 1."""
    return np.maximum(1 - np.abs(x), 0)
