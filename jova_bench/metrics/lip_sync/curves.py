"""The shift curve of lip synchronisation, and the five numbers that are read from it.

The windowing is SyncNet's (Chung and Zisserman 2016; joonson/syncnet_python, SyncNetInstance.py): windows of
5 frames against 0.2 s of sound, shifts -15 .. 15 frames. Two things may differ, and are in the identity:
windows that a shift moves past the end of the clip are left out of its mean (`edges=masked`; upstream pads
with zeros, which pulls the distances at large shifts to a constant), and the last window is kept
(N = min(frames, samples // 640) - 4; upstream drops it).

Letters: N windows, D embedding size, S = 31 shifts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.records import Direction

MAX_SHIFT = 15
"""Frames by which the sound is moved to either side: 0.6 s at 25 fps."""
SAMPLES_PER_FRAME = 640
"""16 kHz at 25 fps."""
MIN_WINDOWS = MAX_SHIFT + 1
"""Fewer, and some shifts have no window left."""


Edges = Literal["masked", "padded"]


def window_count(frames: int, samples: int) -> int:
    """Counts the 5-frame windows that have both video and audio (25 fps, 16 kHz)."""
    return max(0, min(frames, samples // SAMPLES_PER_FRAME) - 4)


def shift_curve(video: FloatArray, audio: FloatArray, edges: Edges) -> FloatArray:
    """Computes the mean distance between video and audio at each shift.

    Entry j is the mean over windows i of |v_i - a_{i + s}| with s = j - 15. Where i + s is outside the clip the
    window is left out (`masked`) or compared with a zero vector (`padded`, as upstream).

    Args:
        video: (N, D) embeddings, N >= 16.
        audio: (N, D) embeddings.
        edges: what to do where a shift leaves the clip.

    Returns:
        (S,).
    """
    count = len(video)
    if edges == "padded":
        padded = np.pad(audio, ((MAX_SHIFT, MAX_SHIFT), (0, 0)))
        moved = [np.linalg.norm(video - padded[j : j + count], axis=1).mean() for j in range(2 * MAX_SHIFT + 1)]
    else:
        moved = [
            np.linalg.norm(video[max(0, -s) : count - max(0, s)] - audio[max(0, s) : count + min(0, s)], axis=1).mean()
            for s in range(-MAX_SHIFT, MAX_SHIFT + 1)
        ]
    return np.array(moved, dtype=np.float64)


def lse_d_of(curve: FloatArray) -> float:
    """Returns the smallest mean distance over the shifts."""
    return float(curve.min())


def lse_c_of(curve: FloatArray) -> float:
    """Returns median minus minimum: how far the best shift stands out."""
    return float(np.median(curve) - curve.min())


def lse_d_at_0_of(curve: FloatArray) -> float:
    """Returns the mean distance at shift 0."""
    return float(curve[MAX_SHIFT])


def offset_frames_of(curve: FloatArray) -> float:
    """Returns the frames by which the audio leads the video (negative: it lags)."""
    return float(MAX_SHIFT - int(curve.argmin()))


def sync_within_1_of(curve: FloatArray) -> float:
    """Returns 1 when the offset is at most one frame, else 0. Chance is 3/31."""
    return float(abs(offset_frames_of(curve)) <= 1)


@dataclass(frozen=True)
class Number:
    """What is read off a shift curve."""

    read: Callable[[FloatArray], float]
    direction: Direction
    unit: str
    says: str


NUMBERS = {
    "lse_c": Number(
        lse_c_of, "up", "", "lip-sync confidence: median minus minimum of the mean distance over +-15 frames"
    ),
    "lse_d": Number(lse_d_of, "down", "", "lip-sync distance at the best of +-15 frames"),
    "lse_d_at_0": Number(lse_d_at_0_of, "down", "", "lip-sync distance at offset 0"),
    "av_offset_frames": Number(
        offset_frames_of,
        "target",
        "frames",
        "offset of the best match in frames; positive: audio leads the video",
    ),
    "sync_within_1": Number(
        sync_within_1_of, "up", "", "share of clips whose best shift is at most 1 frame (chance 3/31)"
    ),
}
"""Readings of a shift curve by name of the metric; SyncNet's metrics share them."""
