"""Chooses what a clip shows: which frames, and the largest part of a size's shape around the face, never squashed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, log

import numpy as np

from jova_bench.arrays import Frames
from jova_bench.data.records import Box
from jova_bench.metrics.faces.clock import shown
from jova_bench.metrics.faces.opencv import cv2


def at_rate(frames: Frames, fps: Fraction, rate: Fraction, count: int) -> Frames:
    """Returns `count` frames at another rate, each the source's nearest in time, the earlier of two; a view of them.

    Args:
        frames: (T, H, W, 3).
        fps: their rate.
        rate: the rate wanted.
        count: of frames.
    """
    step, last = fps / rate, len(frames) - 1
    at = [min(last, ceil(k * step - Fraction(1, 2))) for k in range(count)]
    return frames if at == list(range(len(frames))) else shown(frames, at)


def size_for(height: int, width: int, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Returns the (height, width) of a clip whose shape is nearest to that of a frame; the first of equally near."""
    return min(sizes, key=lambda size: abs(log((size[0] / size[1]) / (height / width))))


def crop_of(height: int, width: int, size: tuple[int, int], middle: tuple[float, float]) -> Box:
    """Returns the largest part of a frame that has the shape of a size.

    Args:
        height: pixels of the frame.
        width: the same.
        size: height and width of the clip.
        middle: x and y that should be in the middle of the part; it stays inside the frame.
    """
    scale = min(height / size[0], width / size[1])
    tall, wide = min(height, round(size[0] * scale)), min(width, round(size[1] * scale))
    x0 = int(np.clip(round(middle[0] - wide / 2), 0, width - wide))
    y0 = int(np.clip(round(middle[1] - tall / 2), 0, height - tall))
    return x0, y0, x0 + wide, y0 + tall


def cropped(frames: Frames, crop: Box, size: tuple[int, int]) -> Frames:
    """Maps (T, H, W, 3) to the crop of each frame, resized by area to (T, height, width, 3)."""
    x0, y0, x1, y1 = crop
    parts = frames[:, y0:y1, x0:x1]
    if parts.shape[1:3] == size:
        return np.ascontiguousarray(parts)
    made = [cv2().resize(part, size[::-1], interpolation=cv2().INTER_AREA) for part in parts]
    return np.asarray(made, dtype=np.uint8)


def in_crop(points: np.ndarray, crop: Box, size: tuple[int, int]) -> np.ndarray:
    """Maps (..., 2) x, y in pixels of the source to pixels of the clip."""
    x0, y0, x1, y1 = crop
    return (points - (x0, y0)) * (size[1] / (x1 - x0), size[0] / (y1 - y0))
