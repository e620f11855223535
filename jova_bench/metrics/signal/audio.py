"""What the audio metrics share: one mono 16 kHz signal, a log-mel spectrogram, and a silence check.

Letters: N samples, F frames, M mel bands. Everything is numpy, deterministic and free of state.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from math import gcd

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Audio as Audio
from jova_bench.media.clip import Clip
from jova_bench.records import Profile

RATE_HZ = 16_000
"""Sampling rate that every speech evaluator here was trained at."""

SILENCE_RMS = 1e-3
"""-60 dBFS: a signal that never gets this loud for 25 ms is silent."""


def mono_16k(clip: Clip, profile: Profile = "standard") -> Audio:
    """Mixes the channels to (N,) and resamples to 16 kHz. Raises Undefined without audio.

    Args:
        clip: whose sound it is.
        profile: the weights of the embedded evaluators were trained with `resample_polyphase`.
    """
    to_16k = resample_polyphase if profile == "embedded" else resample
    return to_16k(clip.mono(), clip.sample_rate_hz, RATE_HZ)


def resample(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    """Resamples by SoX's filter (`HQ`), as librosa and with it most benches do, to the sample.

    Up to 0.91 of the lower Nyquist frequency it is flat to 0.1 dB, and of what lies above that frequency it leaves less
    than -120 dB.

    Args:
        audio: (N,).
        from_hz: rate of `audio`.
        to_hz: rate wanted.

    Returns:
        (ceil(N to_hz / from_hz),); sample n is the signal at n / to_hz s, so nothing moves in time.
    """
    if from_hz == to_hz or not len(audio):
        return audio
    import soxr

    samples = -(-len(audio) * to_hz // from_hz)
    made = soxr.resample(audio.astype(np.float32), from_hz, to_hz, quality="HQ")[:samples]
    return np.pad(made, (0, samples - len(made)))


def resample_polyphase(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    """Resamples by scipy's short polyphase filter, for the embedded evaluators alone; as `resample` in what it takes.

    It is 6 dB down at the lower Nyquist frequency, so what lies above comes back below it.
    """
    if from_hz == to_hz or not len(audio):
        return audio
    from scipy.signal import resample_poly

    common = gcd(from_hz, to_hz)
    return resample_poly(audio.astype(np.float64), to_hz // common, from_hz // common).astype(np.float32)


def audio_digest(audio: Audio) -> str:
    """Returns the sha256 (hex) of samples: the cache key of what depends on the audio alone, whatever the frames."""
    return hashlib.sha256(np.ascontiguousarray(audio, dtype=np.float32).tobytes()).hexdigest()


def is_silent(audio: Audio) -> bool:
    """Checks that no 25 ms window of 16 kHz audio is above -60 dBFS (a constant offset is not sound)."""
    window = 400
    if not len(audio):
        return True
    offset = audio.mean(dtype=np.float64)

    def quiet(part: Audio) -> bool:
        centred = part.astype(np.float64) - offset
        padded = np.pad(centred, (0, -len(centred) % window)).reshape(-1, window)
        return bool(np.sqrt(np.mean(padded**2, axis=1)).max() < SILENCE_RMS)

    # Most metrics ask, and one window answers for most clips.
    loudest = int(np.abs(audio).argmax()) // window * window
    return quiet(audio[loudest : loudest + window]) and quiet(audio)


def log_mel(audio: Audio, n_mels: int = 40, hop: int = 160, win: int = 400, n_fft: int = 512) -> Audio:
    """Computes the log power mel spectrogram of 16 kHz audio: 25 ms periodic Hann window every 10 ms.

    A full-scale sine has power 1 in its FFT bin, and powers are floored at 1e-8 (-80 dB).

    Args:
        audio: (N,) at 16 kHz.
        n_mels: M, triangular bands on Slaney's scale from 0 to 8 kHz, peak 1.
        hop: samples between frames.
        win: samples in a window.
        n_fft: samples of the zero-padded transform.

    Returns:
        (N // hop + 1, M) natural logarithms; frame k is centred on sample k * hop, with zeros outside the signal.
    """
    padded = np.pad(audio.astype(np.float64), (win // 2, win - win // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, win)[: len(audio) + 1 : hop]  # (F, win)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)
    amplitude = np.abs(np.fft.rfft(frames * window, n_fft, axis=1)) * (2 / window.sum())  # (F, n_fft // 2 + 1)
    return np.log(np.maximum(amplitude**2 @ mel_bands(n_mels, n_fft).T, 1e-8)).astype(np.float32)


@lru_cache(maxsize=8)
def mel_bands(n_mels: int, n_fft: int) -> npt.NDArray[np.float64]:
    """Returns (M, n_fft // 2 + 1) triangular weights on Slaney's mel scale.

    The scale is linear below 1 kHz, which keeps each of up to 80 bands wider than a bin of a 512-point transform.
    """
    edges_hz = slaney_edges_hz(n_mels, RATE_HZ / 2)
    bins_hz = np.fft.rfftfreq(n_fft, 1 / RATE_HZ)
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    bands = np.maximum(0.0, np.minimum(rising, falling))
    bands.setflags(write=False)
    return bands


def slaney_edges_hz(n_mels: int, top_hz: float) -> npt.NDArray[np.float64]:
    """Returns (M + 2,) frequencies, evenly spaced in mel, where bands from 0 to `top_hz` begin, peak and end."""
    return _mel_to_hz(np.linspace(0.0, _hz_to_mel(top_hz), n_mels + 2))


# Slaney's Auditory Toolbox (1998): 3 mel per 200 Hz up to 1 kHz, then 27 mel per factor of 6.4.
_KNEE_HZ, _KNEE_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < _KNEE_HZ else _KNEE_MEL + float(np.log(hz / _KNEE_HZ)) / _LOG_STEP


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < _KNEE_MEL, mel * 200 / 3, _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL)))
