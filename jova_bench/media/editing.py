"""Edits the sound of clips to the sample: what controls and calibrations do to real ones."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from jova_bench.arrays import Audio
from jova_bench.errors import BenchError


def fit(audio: Audio, length: int) -> Audio:
    """Cuts (C, N) at its end, or pads it there with silence, to (C, length)."""
    return np.pad(audio[:, :length], ((0, 0), (0, max(0, length - audio.shape[1]))))


def advance(audio: Audio, samples: int) -> Audio:
    """Shifts (C, N) by `samples` to earlier times, or to later ones below 0.

    The length stays: what is shifted beyond an end is dropped, and the other end is filled with silence.
    """
    length = audio.shape[1]
    if samples < 0:
        return np.pad(audio, ((0, 0), (min(-samples, length), 0)))[:, :length]
    return fit(audio[:, samples:], length)


@lru_cache(maxsize=4)
def derangement(count: int, seed: int) -> tuple[int, ...]:
    """Draws a permutation of 0..count-1 without fixed points (uniform, by rejection): whose sound each clip gets."""
    if count < 2:
        raise BenchError(f"expected at least 2 prompts with a reference clip to shuffle, got {count}")
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(count)
        if not np.any(order == np.arange(count)):
            return tuple(int(index) for index in order)
