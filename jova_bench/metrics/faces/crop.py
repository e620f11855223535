"""Crops a tracked face as in SyncNet's training data."""

from __future__ import annotations

from math import floor

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.errors import Undefined
from jova_bench.metrics.faces.opencv import cv2
from jova_bench.metrics.faces.track import Boxes, Frames, Track

SIDE = 224
PADDING = 110
"""Grey beyond the picture."""
SMOOTHING = 13
"""Frames of the median filter."""


def crops(frames25: Frames, track: Track, scale: float, smooth: bool = True) -> npt.NDArray[np.uint8]:
    """Yields the face of a track, frame by frame.

    With s half the longer side of the box and (x, y) its centre, the crop reaches (1 + scale) s to the left and right,
    s up and (1 + 2 scale) s down, is filled with grey beyond the picture, and is resized bilinearly.
    Source: joonson/syncnet_python run_pipeline.py `crop_video` at 6efbb1c, equal to it for every centre inside the
    picture; there the filter's zeros beyond both ends of a track pull the first and last 6 values down, and here too.

    Args:
        frames25: (T, H, W, 3) RGB at 25 fps.
        track: in those frames.
        scale: 0.4 in syncnet_python, 0.3 in Verse-Bench.
        smooth: medians over 13 frames of s, x and y.

    Returns:
        (n, 224, 224, 3) **BGR**, 0 to 255: what SyncNet was trained on.

    Raises:
        Undefined: the track is too short to be smoothed, or a face has no pixels.
    """
    if smooth and len(track.boxes) <= SMOOTHING // 2:
        raise Undefined(f"face in {len(track.boxes)} frames, smoothing needs {SMOOTHING // 2 + 1}")
    half, x, y = smoothed(track.boxes) if smooth else geometry(track.boxes)
    cut = [_crop(frame, half[k], x[k], y[k], scale) for k, frame in enumerate(frames25[track.first : track.stop])]
    return np.stack([image[..., ::-1] for image in cut])


def geometry(boxes: Boxes) -> FloatArray:
    """Returns (3, n): half the longer side of each of (n, 4) boxes, and the x and y of its centre."""
    x0, y0, x1, y1 = boxes.T
    return np.stack([np.maximum(y1 - y0, x1 - x0) / 2, (x0 + x1) / 2, (y0 + y1) / 2])


def smoothed(boxes: Boxes) -> FloatArray:
    """Smooths the boxes' geometry by medians over 13 frames, with zeros beyond the first and the last."""
    padded = np.pad(geometry(boxes), ((0, 0), (SMOOTHING // 2, SMOOTHING // 2)))
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTHING, axis=1), axis=2)


def _crop(frame: Frames, half: float, x: float, y: float, scale: float) -> npt.NDArray[np.uint8]:
    """Crops (224, 224, 3) around one face of (H, W, 3)."""
    # Upstream pads the whole picture and rounds in the padded one's coordinates; so the same float operations here.
    pad = int(half * (1 + 2 * scale))
    top, bottom = (floor(edge) - pad for edge in (y + pad - half, y + pad + half * (1 + 2 * scale)))
    left, right = (floor(x + pad + half * reach) - pad for reach in (-(1 + scale), 1 + scale))
    if bottom <= top or right <= left:
        raise Undefined(f"a face of {2 * half:.1f} pixels is too small to crop")
    height, width = frame.shape[:2]
    out = np.full((bottom - top, right - left, 3), PADDING, dtype=np.uint8)
    rows = slice(max(top, 0), max(min(bottom, height), 0))
    columns = slice(max(left, 0), max(min(right, width), 0))
    seen = frame[rows, columns]
    if seen.size:
        out[rows.start - top :, columns.start - left :][: seen.shape[0], : seen.shape[1]] = seen
    return np.asarray(cv2().resize(out, (SIDE, SIDE), interpolation=cv2().INTER_LINEAR), dtype=np.uint8)
