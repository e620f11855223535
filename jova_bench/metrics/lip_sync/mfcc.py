"""MFCCs as SyncNet takes them: those of python_speech_features 0.6 with its defaults, at the scale of 16-bit samples.

James Lyons' python_speech_features, base.py and sigproc.py. Its own choices are kept: no window function, filters on
whole FFT bins, energies of exactly zero replaced by the smallest float step, the 0th coefficient by the log energy.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.metrics.signal.audio import RATE_HZ

WINDOW, HOP, FFT = 400, 160, 512
"""Samples: 25 ms every 10 ms."""
FILTERS, CEPSTRA, LIFTER = 26, 13, 22
PREEMPHASIS = 0.97


def mfcc(samples: FloatArray) -> FloatArray:
    """Computes mel-frequency cepstral coefficients.

    Args:
        samples: (N,) at 16 kHz, N > 0, full scale 32768. Another scale moves the 0th coefficient by its logarithm.

    Returns:
        (1 + ceil((N - 400) / 160), 13); frame k is of samples 160k .. 160k + 399, with zeros after the end.
    """
    from scipy.fft import dct, rfft

    emphasised = np.append(samples[0], samples[1:] - PREEMPHASIS * samples[:-1])
    count = 1 + max(0, -(-(len(samples) - WINDOW) // HOP))
    padded = np.pad(emphasised, (0, (count - 1) * HOP + WINDOW - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]  # (count, 400)
    power = np.abs(rfft(frames, FFT, axis=1)) ** 2 / FFT  # (count, 257)
    cepstra = dct(np.log(_positive(power @ _filters().T)), type=2, axis=1, norm="ortho")[:, :CEPSTRA]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    cepstra[:, 0] = np.log(_positive(power.sum(axis=1)))
    return cepstra


def _positive(energy: FloatArray) -> FloatArray:
    return np.where(energy == 0, np.finfo(np.float64).eps, energy)


@lru_cache(maxsize=1)
def _filters() -> FloatArray:
    """Returns (26, 257) triangles between bins that are equally far apart on the mel scale, from 0 to 8 kHz."""
    mel = np.linspace(0, 2595 * np.log10(1 + RATE_HZ / 2 / 700), FILTERS + 2)
    edges = np.floor((FFT + 1) * 700 * (10 ** (mel / 2595) - 1) / RATE_HZ)[:, None]  # (28, 1) bins
    bins = np.arange(FFT // 2 + 1)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling))
    filters.setflags(write=False)
    return filters
