"""Inputs of ImageBind: pairs of frames in three crops, and 2 s of audio as a spectrogram.

As facebookresearch/ImageBind @ 53680b0, imagebind/data.py, which takes clips with pytorchvideo @ 6cdc929 and filter
banks with torchaudio.compliance.kaldi.

Letters: T frames, N samples, C channels, K stretches of a clip, F steps of 10 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from jova_bench.arrays import Audio, FloatArray, Frames
from jova_bench.metrics.signal.frames import few
from jova_bench.metrics.signal.htk_mel import htk_bands

RATE_HZ = 16_000
STRETCH_S = 2
"""Seconds of audio that are embedded at once, and from which a pair of frames is taken."""
PICTURE_STRETCHES, SOUND_STRETCHES = 5, 3
"""Spread evenly over a clip; of a shorter one they overlap or are the same."""
SIDE = 224
MEAN_RGB, DEVIATION_RGB = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
BANDS, STEPS = 128, 204
"""Mel bands, and steps of a spectrogram; 2 s fill 198 of them."""
WINDOW, HOP, N_FFT = 400, 160, 512
LOW_HZ, EMPHASIS = 20, 0.97
FLOOR = float(np.finfo(np.float32).eps)
MEAN_LOG, DEVIATION_LOG = -4.268, 9.138

Span = tuple[int, int]


def starts_s(duration_s: float, count: int) -> list[Fraction]:
    """Returns where `count` stretches begin so that the first and the last touch the ends of a clip."""
    room = Fraction(max(duration_s - STRETCH_S, 0))
    return [room / max(count - 1, 1) * k for k in range(count)]


def pairs(count: int, fps: float) -> list[Span]:
    """Returns the first and the last frame of each of five stretches of a clip of T frames."""
    found = []
    for start in starts_s(count / fps, PICTURE_STRETCHES):
        first, end = ceil(fps * start), min(ceil(fps * (start + STRETCH_S)), count)
        found.append((first, end - 1))
    return found


def spans(samples: int) -> list[Span]:
    """Returns where each of three stretches of N samples begins and ends."""
    return [(int(s * RATE_HZ), int((s + STRETCH_S) * RATE_HZ)) for s in starts_s(samples / RATE_HZ, SOUND_STRETCHES)]


def linear(frames: Frames) -> Tensor:
    """Scales (T, H, W, 3) frames to (T, 3, h, w) in 0 .. 1, the shorter side 224: bilinear, without a low pass."""
    height, width = frames.shape[1:3]
    # In upstream's words, so that a side that is cut to whole pixels is cut alike.
    tall = width < height
    size = (int(height / width * SIDE), SIDE) if tall else (SIDE, int(width / height * SIDE))
    scaled = []
    for part in few(np.arange(len(frames))):
        pictures = torch.from_numpy(np.ascontiguousarray(frames[part])).permute(0, 3, 1, 2).float() / 255
        scaled.append(functional.interpolate(pictures, size, mode="bilinear", align_corners=False))
    return torch.cat(scaled)


def normalised(pictures: Tensor) -> Tensor:
    """Normalises frames by the mean and the deviation of each colour.

    Args:
        pictures: (B, 3, h, w), or (B, 3, 2, h, w) pairs; uint8, or float in 0 .. 1.
    """
    scaled = pictures / 255 if pictures.dtype == torch.uint8 else pictures
    shape = (3,) + (1,) * (pictures.ndim - 2)
    mean, deviation = (
        torch.tensor(values, device=scaled.device).reshape(shape) for values in (MEAN_RGB, DEVIATION_RGB)
    )
    return (scaled - mean) / deviation


def crops(pictures: Tensor, side: int = SIDE) -> Tensor:
    """Cuts (T, 3, h, w) to (3, T, 3, side, side): left, middle and right, or top, middle and bottom."""
    top, left = (ceil((length - side) / 2) for length in pictures.shape[-2:])
    height, width = pictures.shape[-2:]
    if height > width:
        corners = [(0, left), (top, left), (height - side, left)]
    else:
        corners = [(top, 0), (top, left), (top, width - side)]
    return torch.stack([pictures[..., y : y + side, x : x + side] for y, x in corners])


def spectrograms(wave: Audio, stretches: Sequence[Span], in_place: bool) -> Tensor:
    """Computes the spectrograms of stretches of audio.

    Args:
        wave: (C, N) at 16 kHz; the first channel is taken.
        stretches: K of them.
        in_place: the mean of a stretch, over all channels, is taken from the sound itself, as upstream does: where
            stretches overlap the next one finds a step. Otherwise it is taken from each step alone (`fbank`).

    Returns:
        (K, 1, 128, 204).
    """
    wave = wave.copy()
    found = []
    for start, end in stretches:
        part = wave[:, start:end]
        if in_place:
            part -= part.mean()
        found.append(spectrogram(part[0]))
    return torch.from_numpy(np.stack(found))[:, None]


def spectrogram(audio: Audio) -> Audio:
    """Computes the (128, 204) spectrogram of (N,) samples, N >= 400; padding is 0 before normalising, a loud value."""
    steps = fbank(audio)[:STEPS]
    padded = np.pad(steps, ((0, STEPS - len(steps)), (0, 0)))
    return ((padded.T - MEAN_LOG) / DEVIATION_LOG).astype(np.float32)


def fbank(audio: Audio) -> FloatArray:
    """Computes (F, 128) log filter banks as Kaldi does, F = (N - 400) // 160 + 1.

    Each step loses its mean and its low end (`x[n] - 0.97 x[n - 1]`) before a symmetric Hann window.
    """
    steps = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), WINDOW)[::HOP]
    steps = steps - steps.mean(axis=1, keepdims=True)
    before = np.concatenate((steps[:, :1], steps[:, :-1]), axis=1)
    power = np.abs(np.fft.rfft((steps - EMPHASIS * before) * np.hanning(WINDOW), N_FFT, axis=1)) ** 2
    return np.log(np.maximum(power @ htk_bands(BANDS, N_FFT, RATE_HZ, LOW_HZ, RATE_HZ / 2).T, FLOOR))
