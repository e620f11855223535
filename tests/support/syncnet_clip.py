"""The clip that upstream's SyncNet was shown."""

import numpy as np

from support import upstream

FRAMES = 26
PARITY = upstream.parity("syncnet")
"""What it answered."""


def crops() -> np.ndarray:
    """(26, 224, 224, 3) noise whose brightness changes from frame to frame, so that windows differ."""
    bright = upstream.fake((FRAMES, 1, 1, 1), "syncnet brightness").abs()
    noise = upstream.fake((FRAMES, 224, 224, 3), "syncnet crops").abs()
    return (6 * bright * noise).clip(0, 255).numpy().astype(np.uint8)


def sound() -> np.ndarray:
    """(16640,) noise of 16-bit scale with a pause of pure zeros."""
    samples = (3000 * upstream.fake((FRAMES * 640,), "syncnet sound").numpy()).astype(np.int16)
    samples[4000:6000] = 0
    return samples.astype(np.float64)
