"""A small metric of a clip, and sound for it."""

import numpy as np

from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.base import ClipMetric
from support.specs import clip_spec

RATE = 16_000


class Peak(ClipMetric):
    """Largest sample; undefined below 0.1, failed above 0.9."""

    def __init__(self, micro=None):
        self.spec = clip_spec("peak", micro=micro)

    def check(self):
        return None

    def measure(self, clip, prompt, reference):
        value = float(clip.mono().max())
        if value < 0.1:
            raise Undefined("silent")
        if value > 0.9:
            raise Unavailable("too loud")
        return value


def sound(level, samples=1_600):
    return np.full(samples, level, np.float32)


def wave(dtype=np.float32):
    """A tone of 997 Hz at -20 dBFS, as samples of a type."""
    tone = 0.1 * np.sin(2 * np.pi * 997 * np.arange(RATE) / RATE)
    if np.dtype(dtype).kind == "f":
        return tone.astype(dtype)
    half = 2 ** (8 * np.dtype(dtype).itemsize - 1)
    return (np.rint(tone * (half - 1)) + (half if np.dtype(dtype).kind == "u" else 0)).astype(dtype)
