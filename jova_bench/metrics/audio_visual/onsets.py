"""Onsets of sounds: peaks of the growth of a log-mel spectrogram.

Those of librosa's `onset_strength` and `onset_detect` by default (librosa 0.11, onset.py and util/utils.py), in
float64 where librosa has float32: the same onsets, to the frame. Boeck, Krebs and Schedl 2012, ISMIR.

librosa puts silence before and after the sound. A clip that begins in the middle of sound then has an onset at its
third frame that is not audible, and the whole envelope is scaled by it. With `edges="inside"` only spectra of the
sound itself are compared, and what begins in the first or last 0.1 s cannot be distinguished from the cut.

Letters: N samples, F frames of 512 samples, M mel bands.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from jova_bench.arrays import Audio, FloatArray
from jova_bench.metrics.signal.audio import slaney_edges_hz

N_FFT, HOP, MELS = 2048, 512, 128
FLOOR, RANGE_DB = 1e-10, 80.0
DELAY = 1 + N_FFT // (2 * HOP)
"""Frames from the first of two spectra to where their difference is entered: librosa's own correction for windows that
are centred on their frame."""
DELTA = 0.07
"""Least height of a peak above the mean around it; the envelope is scaled to 0 .. 1."""

Edges = Literal["silent", "inside"]


def onset_times_s(audio: Audio, rate_hz: int, edges: Edges = "silent") -> FloatArray:
    """Returns the times at which sounds begin in (N,) audio, in seconds, ascending.

    Frames have 512 samples whatever the rate, so the same sound has other onsets at another rate.
    """
    return peaks(onset_strength(audio, rate_hz, edges), rate_hz) * (HOP / rate_hz)


def onset_strength(audio: Audio, rate_hz: int, edges: Edges = "silent") -> FloatArray:
    """Computes the (F,) mean growth of the mel bands in dB from one frame to the next, F = N // 512 + 1."""
    padded = np.pad(audio.astype(np.float64), N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][: len(audio) // HOP + 1]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2  # (F, N_FFT // 2 + 1)
    decibels = 10 * np.log10(np.maximum(power @ mel_bands(rate_hz).T, FLOOR))  # (F, M)
    decibels = np.maximum(decibels, decibels.max() - RANGE_DB)
    growth = np.maximum(np.diff(decibels, axis=0), 0).mean(axis=1)
    if edges == "inside":
        starts = np.arange(len(frames)) * HOP - N_FFT // 2
        whole = (starts >= 0) & (starts + N_FFT <= len(audio))
        growth = np.where(whole[:-1] & whole[1:], growth, 0.0)
    return np.pad(growth, (DELAY, 0))[: len(frames)]


def mel_bands(rate_hz: int) -> FloatArray:
    """Returns (M, N_FFT // 2 + 1) triangles of area 1 on Slaney's mel scale, from 0 to half the rate."""
    edges = slaney_edges_hz(MELS, rate_hz / 2)
    bins = np.fft.rfftfreq(N_FFT, 1 / rate_hz)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0.0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def peaks(strength: FloatArray, rate_hz: int) -> FloatArray:
    """Returns the frames of (F,) onset strengths that are local maxima, well above the mean, and not too close.

    A peak is the largest of the 30 ms before it, exceeds the mean of 100 ms to either side by `DELTA`, and comes more
    than 30 ms after the last one; all in whole frames, rounded down.
    """
    scaled = strength - strength.min()
    scaled = scaled / (scaled.max() + np.finfo(np.float32).tiny)
    if not scaled.any():
        return np.zeros(0)
    near, around = int(0.03 * rate_hz // HOP), int(0.10 * rate_hz // HOP)
    found: list[int] = []
    for n, value in enumerate(scaled):
        if found and n - found[-1] <= near:
            continue
        # librosa compares the first frame with what follows it alone; an empty past leaves the same.
        largest = scaled[max(0, n - near) : n + 1].max()
        mean = scaled[max(0, n - around) : n + around + 1].mean()
        if value == largest and value >= mean + DELTA:
            found.append(n)
    return np.array(found, dtype=np.float64)
