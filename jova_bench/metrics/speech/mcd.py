"""Mel-cepstral distortion after dynamic time warping: how far a voice's spectral envelopes are from the reference's.

The reference-based number for speech that chose its own timing, where PESQ and STOI mean nothing. Mel-cepstra of order
24 are SPTK's: the cepstrum of the spectrum of 25 ms every 5 ms at 16 kHz, warped by an all-pass with alpha 0.42, no
further iteration (`mcep` with maxiter 0, `sp2mc` in pysptk 1.0.1). The warping path minimises the sum of Euclidean
distances of coefficients 1 to 24 over steps of one frame in either or both; MCD is 10 sqrt(2) / ln 10 times their mean
along the path, in dB. Coefficient 0, the level, is left out.

Letters: F and G frames, K coefficients, N samples.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.signal.audio import RATE_HZ, SILENCE_RMS, Audio, audio_digest, is_silent, mono_16k
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

ORDER, ALPHA = 24, 0.42
WINDOW, HOP, FFT = 400, 80, 512
DECIBELS = 10 * np.sqrt(2) / np.log(10)
FLOOR = 1e-8
"""-80 dB below the bin of a full-scale sine: without a floor, digital silence is infinitely far from anything."""
MAX_S = 60.0
"""The path of two clips of this length takes about 300 MB; longer speech would be cut at pauses first."""


class MelCepstralDistortion(ClipMetric):
    """MCD in dB of a clip's speech against its reference's."""

    def __init__(self, cache: FeatureCache) -> None:
        self._cache = cache
        self.spec = MetricSpec(
            name="mcd_dtw",
            version=2,  # Version 1 resampled with a short filter.
            profile="standard",
            backend="mel-cepstra",
            params={"order": ORDER, "alpha": ALPHA, "hop_ms": 5, "window_ms": 25, "rate_hz": RATE_HZ},
            unit="dB",
            direction="down",
            needs=("audio", "transcript", "reference"),
            domain="speech of the same words as its reference, in any timing",
            description="mel-cepstral distortion of the speech from the reference's, after dynamic time warping",
            source="Kubichek 1993; mel-cepstra of SPTK (Tokuda et al. 1994)",
        )

    def check(self) -> str | None:
        """Returns None: nothing is missing."""
        return None

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the clip with the reference; needs a transcript, so that both say the same."""
        return self._compare(clip, prompt, reference)

    def _compare(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        if clip.timing == "reference":
            raise Undefined("is the reference")
        if prompt is None or not prompt.transcript.strip():
            raise Undefined("no transcript")
        if reference is None:
            raise Undefined("no reference clip")
        heard, real = trimmed(clip, ""), trimmed(reference, "the reference is ")
        value = self._cache.get(
            audio_digest(heard),
            CacheKey(self.spec.identity, params={"reference": audio_digest(real)}),
            lambda: {"value": np.array(distortion(mel_cepstra(heard), mel_cepstra(real)))},
        )
        return float(value["value"])


def trimmed(clip: Clip, whose: str) -> Audio:
    """Returns the audio of a clip at 16 kHz from the first to the last 25 ms above -60 dBFS, without silent ends."""
    audio = mono_16k(clip)
    if is_silent(audio):
        raise Undefined(f"{whose}silent")
    windows = np.pad(audio - audio.mean(), (0, -len(audio) % WINDOW)).reshape(-1, WINDOW)
    loud = np.flatnonzero(np.sqrt(np.mean(windows.astype(np.float64) ** 2, axis=1)) >= SILENCE_RMS)
    kept = audio[loud[0] * WINDOW : (loud[-1] + 1) * WINDOW]
    if len(kept) < WINDOW:
        raise Undefined(f"{whose}too short: {len(kept) / RATE_HZ:.3f} s of sound")
    if len(kept) > MAX_S * RATE_HZ:
        raise Undefined(f"{whose}too long: {len(kept) / RATE_HZ:.1f} s, at most {MAX_S:.0f} s are aligned")
    return kept


def mel_cepstra(audio: Audio) -> FloatArray:
    """Computes (F, 25) mel-cepstra of (N,) audio at 16 kHz, N >= 400; F = (N - 400) // 80 + 1."""
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), WINDOW)[::HOP]  # (F, 400)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    amplitude = np.abs(np.fft.rfft(frames * window, FFT, axis=1)) * (2 / window.sum())
    return warped_cepstra(np.maximum(amplitude**2, FLOOR))


def warped_cepstra(power: FloatArray) -> FloatArray:
    """Computes (F, 25) mel-cepstra of (F, 257) power spectra |H|^2: ln |H|(warped w) = sum_k c_k cos(k w)."""
    half = FFT // 2 + 1
    cepstra = np.fft.irfft(np.log(power), axis=1)[:, :half]  # Of ln |H|^2: c_k and c_-k of ln |H| in one.
    cepstra[:, 0] /= 2
    return cepstra @ _warping(half).T


@lru_cache(maxsize=1)
def _warping(length: int) -> npt.NDArray[np.float64]:
    """Returns the (25, length) matrix from a cepstrum to its coefficients on the warped axis, by Oppenheim's recursion.

    The recursion takes the cepstrum from its last coefficient to its first; here it runs on all unit impulses at once.
    """
    matrix = np.zeros((ORDER + 1, length))
    for n in range(length - 1, -1, -1):
        before = matrix.copy()
        impulse = np.zeros(length)
        impulse[n] = 1
        matrix[0] = impulse + ALPHA * before[0]
        matrix[1] = (1 - ALPHA**2) * before[0] + ALPHA * before[1]
        for k in range(2, ORDER + 1):
            matrix[k] = before[k - 1] + ALPHA * (before[k] - matrix[k - 1])
    matrix.setflags(write=False)
    return matrix


def distortion(made: FloatArray, real: FloatArray) -> float:
    """Computes MCD in dB of (F, 25) and (G, 25) mel-cepstra; symmetric in the two."""
    total, steps = warp(made[:, 1:], real[:, 1:])
    return float(DECIBELS * total / steps)


def warp(a: FloatArray, b: FloatArray) -> tuple[float, int]:
    """Returns the smallest sum of distances along a path from the first to the last frames of both, and its length.

    Cells of one anti-diagonal depend on the two before it alone, so they are computed together. Among paths of one
    sum the one that goes diagonally as long as it can is taken.

    Args:
        a: (F, K).
        b: (G, K).
    """
    f, g = len(a), len(b)
    back = np.zeros((f + g - 1, f), dtype=np.int8)  # [i + j, i]: 0 both advanced, 1 only i, 2 only j
    one, two = np.full(f + 1, np.inf), np.full(f + 1, np.inf)  # Costs of the diagonals before, by i + 1.
    two[0] = 0.0  # Where every path begins.
    for d in range(f + g - 1):
        i = np.arange(max(0, d - g + 1), min(f - 1, d) + 1)
        candidates = np.stack([two[i], one[i], one[i + 1]])  # From (i-1, j-1), (i-1, j), (i, j-1).
        back[d, i] = candidates.argmin(axis=0)
        costs = np.full(f + 1, np.inf)
        costs[i + 1] = candidates.min(axis=0) + np.linalg.norm(a[i] - b[d - i], axis=1)
        two, one = one, costs
    row, d, steps = f - 1, f + g - 2, 1
    while d > 0:
        step = int(back[d, row])
        row, d = row - (step != 2), d - (1 if step else 2)
        steps += 1
    return float(one[f]), steps


def mcd_dtw(context: MetricContext) -> MelCepstralDistortion:
    """Builds the metric."""
    return MelCepstralDistortion(context.cache)
