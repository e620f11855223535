"""Adds seeded noise and music to sound at a level that is stated against the sound's own. Shapes: (C, N)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Audio
from jova_bench.errors import BenchError

CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))
"""I, vi, IV and V of a major key, in semitones above the tonic."""
CHORD_S = 0.5
TONIC_HZ = (196.0, 262.0)
PARTIALS = 4
"""Harmonics of a note, each half as loud as the one below."""
FADE_S = 0.4
"""Time in which a struck note falls to 1 / e."""


def with_noise(audio: Audio, decibels: float, seed: int) -> Audio:
    """Adds white noise, the same in all channels. The noise of one seed differs in level alone."""
    noise = np.random.default_rng(seed).standard_normal(audio.shape[1])
    return _mixed(audio, np.asarray(noise), decibels)


def with_music(audio: Audio, rate_hz: int, decibels: float, seed: int) -> Audio:
    """Adds chords of struck notes that have no beat with the speech; `seed` chooses key and order."""
    rng = np.random.default_rng(seed)
    tonic, place = rng.uniform(*TONIC_HZ), int(rng.integers(len(CHORDS)))
    t = np.arange(audio.shape[1]) / rate_hz
    which, since = np.divmod(t, CHORD_S)
    music = np.zeros_like(t)
    for k in range(int(which[-1]) + 1 if len(which) else 0):
        here = which == k
        for semitones in CHORDS[(place + k) % len(CHORDS)]:
            hz = tonic * 2 ** (semitones / 12)
            for partial in range(1, PARTIALS + 1):
                if partial * hz < rate_hz / 2:
                    music[here] += np.sin(2 * np.pi * partial * hz * since[here]) / 2 ** (partial - 1)
    return _mixed(audio, music * np.exp(-since / FADE_S), decibels)


def _mixed(audio: Audio, added: npt.NDArray[np.float64], decibels: float) -> Audio:
    """Adds (N,) to every channel at `decibels` below the channels' mean power.

    Raises:
        BenchError: the sound is silent, so that no level can be stated against it.
    """
    power = float(np.mean(audio.astype(np.float64) ** 2))
    if power == 0:
        raise BenchError("the sound is silent: nothing has a level against it")
    gain = np.sqrt(power / np.mean(added**2)) * 10 ** (-decibels / 20)
    return np.asarray(audio + gain * added, dtype=np.float32)
