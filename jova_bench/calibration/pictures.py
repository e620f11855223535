"""Changes the frames of a clip: shown area, pace and rate. Shapes: (T, H, W, 3) uint8."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from jova_bench.arrays import Frames


def cropped(frames: Frames, share: float) -> Frames:
    """Keeps the middle `share` of each side and scales it back to H x W by bicubic interpolation."""
    import av

    height, width = frames.shape[1:3]
    high, wide = (max(2, round(side * share)) for side in (height, width))
    top, left = (height - high) // 2, (width - wide) // 2
    inner = np.ascontiguousarray(frames[:, top : top + high, left : left + wide])
    return np.stack([
        av.VideoFrame.from_ndarray(one, format="rgb24")
        .reformat(width, height, interpolation="BICUBIC", threads=1)
        .to_ndarray()
        for one in inner
    ])  # fmt: skip


def stuttering(frames: Frames, share: float, seed: int) -> Frames:
    """Shows `share` of the T - 1 frames after the first as the frame before them; of one seed, more share repeats more.

    The clip is as long as before: what follows a repeated frame is not late.
    """
    later = np.random.default_rng(seed).permutation(np.arange(1, len(frames)))
    at = np.arange(len(frames))
    at[later[: round(share * len(later))]] = 0
    return frames[np.maximum.accumulate(at)]


def at_rate(frames: Frames, fps: Fraction, to_fps: Fraction) -> Frames:
    """Shows at each time of the new rate the frame that was shown then; the clip is as long as before, to a frame."""
    count = max(1, round(len(frames) * to_fps / fps))
    at = [min(int(k * fps / to_fps), len(frames) - 1) for k in range(count)]
    return frames[at]
