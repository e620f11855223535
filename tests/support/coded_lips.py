"""Clips whose pictures and sound say the same in code, and what reads it in the place of SyncNet."""

from fractions import Fraction

import numpy as np

from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics import faces


class Coded:
    """Instead of SyncNet: a window's embedding is the brightness of its frames, or the loudness of their sound."""

    looks = 0

    def encode_video(self, pictures: np.ndarray) -> np.ndarray:
        Coded.looks += 1
        level = pictures[:, 60:160, 60:160].mean(axis=(1, 2, 3))
        return np.lib.stride_tricks.sliding_window_view(level, 5).astype(np.float64)

    def encode_audio(self, cepstra: np.ndarray) -> np.ndarray:
        # 400 samples of noise of amplitude A, less 0.97 of the one before; half of the spectrum is counted.
        level = np.exp(cepstra[:, 0] / 2)[: len(cepstra) // 4 * 4].reshape(-1, 4)[:, 0]
        return np.lib.stride_tricks.sliding_window_view(level, 5) / np.sqrt(400 * (1 + 0.97**2) / 2)


def levels(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(30, 220, count)


def talking(frames: int = 75, lead: int = 0, fps: int = 25, rate_hz: int = 16_000, channels: int = 1) -> Clip:
    """Grey pictures of changing brightness; noise that is as loud as the picture `lead` frames later is bright."""
    level = levels(frames + 60)
    pixels = np.broadcast_to(level[30 : 30 + frames, None, None, None], (frames, 240, 320, 3)).astype(np.uint8)
    loud = level[30 + lead : 30 + lead + frames]
    per_frame = rate_hz // 25
    noise = np.random.default_rng(1).standard_normal((frames, per_frame))
    noise *= np.sqrt(per_frame / (noise**2).sum(axis=1, keepdims=True))
    audio = (loud[:, None] * noise / 32768).reshape(1, -1).astype(np.float32)
    return clip_from_arrays(pixels, Fraction(fps), np.repeat(audio, channels, axis=0), rate_hz)


def track(first: int, count: int, side: float = 150) -> faces.Track:
    return faces.Track(first, np.tile([80.0, 40.0, 80 + side, 40 + side], (count, 1)))
