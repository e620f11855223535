"""Inputs of the papers' networks: frames at another rate, scaled and cropped as the benches do it.

Letters: T frames, H, W pixels, h, w pixels after scaling.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from jova_bench.arrays import Frames, Indices

Picking = Literal["near", "floor"]
"""Which frame stands for an instant: `near`, the one on screen in the middle of the new frame's time, as ffmpeg's
`fps` filter takes it; `floor`, the one on screen at its start, as benches with decord compute it in floating point."""


def resample_frame_indices(count: int, fps: Fraction, to_fps: Fraction, picking: Picking = "near") -> Indices:
    """Selects the frames that make a clip of another rate.

    Args:
        count: T.
        fps: of these frames.
        to_fps: wanted.
        picking: which frame stands for an instant.

    Returns:
        As many indices as fit the length: rounded (`near`, half up) or cut (`floor`).
    """
    if picking == "floor":
        instants = np.arange(int(count / float(fps) * float(to_fps))) / float(to_fps)
        return np.minimum((instants * float(fps)).astype(np.int64), count - 1)
    step = Fraction(to_fps) / fps
    half = Fraction(1, 2)
    # The filter rounds each time to the new grid and shows the last frame that falls on a place or before it.
    places = range(int(count * step + half))
    return np.array([min(count, ceil((place + half) / step)) - 1 for place in places], dtype=np.int64)


AT_ONCE = 4
"""Frames that are scaled together: more are as large as a clip once more."""


def few(at: Indices) -> list[Indices]:
    """Splits (T,) indices into small batches; never one frame alone, whose layout in memory would be another."""
    return np.array_split(at, max(1, len(at) // AT_ONCE))


def short_side(frames: Frames, side: int, at: Indices | None = None) -> Tensor:
    """Scales frames so that the shorter side has `side` pixels: bicubic, low-passed, rounded to whole levels.

    Equal to torchvision's `v2.Resize(side, BICUBIC)` of a uint8 tensor.

    Args:
        frames: (T, H, W, 3) uint8.
        side: pixels.
        at: which frames; None for all.

    Returns:
        (T, 3, h, w) uint8; the longer side is cut to whole pixels.
    """
    size = scaled_size(frames, side)
    at = np.arange(len(frames)) if at is None else at
    if size == frames.shape[1:3]:
        return _channels_first(frames[at])
    return torch.cat(
        [F.interpolate(_channels_first(frames[part]), size, mode="bicubic", antialias=True) for part in few(at)]
    )


def unfiltered(frames: Frames, size: tuple[int, int], mode: Literal["bilinear", "bicubic"]) -> Tensor:
    """Scales (T, H, W, 3) frames to (T, 3, h, w) levels as floats: no low pass, no rounding, and bicubic may overshoot.

    Equal to torchvision's `Resize(size, antialias=False)` of a float tensor.
    """
    pictures = _channels_first(frames).float()
    return pictures if size == frames.shape[1:3] else F.interpolate(pictures, size, mode=mode)


def scaled_size(frames: Frames, side: int) -> tuple[int, int]:
    """Returns height and width of (T, H, W, 3) frames whose shorter side is scaled to `side`; the longer is cut."""
    height, width = frames.shape[1:3]
    short = min(height, width)
    return int(side * height / short), int(side * width / short)


def _channels_first(frames: Frames) -> Tensor:
    """Transposes (T, H, W, 3) to (T, 3, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)


def normalised(pictures: Tensor, mean: Sequence[float], deviation: Sequence[float]) -> Tensor:
    """Normalises (T, 3, h, w) levels of 0 to 255 to float32 numbers around 0, channel by channel."""
    middle, scale = (torch.tensor(values, device=pictures.device)[:, None, None] for values in (mean, deviation))
    return (pictures.float() / 255 - middle) / scale


def centre(pictures: Tensor, side: int) -> Tensor:
    """Crops the middle (..., side, side) of (..., h, w) frames; an odd margin is rounded to the even number."""
    top, left = (round((length - side) / 2) for length in pictures.shape[-2:])
    return pictures[..., top : top + side, left : left + side]
