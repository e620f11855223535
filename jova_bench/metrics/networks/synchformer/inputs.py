"""Inputs of Synchformer: segments of 0.64 s, one every 0.32 s.

As hkchengrex/av-benchmark @ 050a5cd, extract.py and data/video_dataset.py.

Letters: S segments, T frames, N samples.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

FPS, RATE_HZ = 25, 16_000
SEGMENT_FRAMES, STRIDE_FRAMES = 16, 8
SAMPLES_PER_FRAME = RATE_HZ // FPS
BANDS, STEPS = 128, 66
"""Mel bands, and steps of 10 ms; a segment fills 65 of them."""
N_FFT, WINDOW, HOP = 1024, 400, 160
FLOOR = 1e-6
MEAN, DEVIATION = -4.2677393, 4.5689974
"""Mean and deviation of AudioSet's log-mel values."""


def segments(frames: int) -> int:
    """Counts the segments that fit into so many frames at 25 fps."""
    return max(0, (frames - SEGMENT_FRAMES) // STRIDE_FRAMES + 1)


def segments_of(pictures: Tensor) -> Tensor:
    """Cuts (T, 3, 224, 224) frames into (S, 3, 16, 224, 224) segments, a view."""
    return pictures.unfold(0, SEGMENT_FRAMES, STRIDE_FRAMES).permute(0, 1, 4, 2, 3)


def scaled(pictures: Tensor) -> Tensor:
    """Maps uint8 levels to [-1, 1]; in place, since a segment is ten megabytes."""
    return pictures.float().div_(255).sub_(0.5).div_(0.5)


def spectrograms(audio: Tensor) -> Tensor:
    """Computes the normalised (S, 128, 66) log-mel spectrograms of (N,) samples.

    The last step lies behind the segment and holds 0 before normalisation, which is louder than most sound.
    """
    parts = audio.unfold(0, SEGMENT_FRAMES * SAMPLES_PER_FRAME, STRIDE_FRAMES * SAMPLES_PER_FRAME)
    window = torch.hann_window(WINDOW, device=audio.device)
    power = torch.stft(parts, N_FFT, HOP, WINDOW, window, return_complex=True).abs() ** 2  # (S, 513, 65)
    log_mel = torch.log(bands().to(audio.device) @ power + FLOOR)
    return (F.pad(log_mel, (0, STEPS - log_mel.shape[2])) - MEAN) / (2 * DEVIATION)


@cache
def bands() -> Tensor:
    """Returns (128, 513) triangles of height 1 on the mel scale of HTK from 0 to 8 kHz."""
    top = 2595 * torch.log10(torch.tensor(1 + RATE_HZ / 2 / 700, dtype=torch.float64))
    edges = 700 * (10 ** (torch.linspace(0, float(top), BANDS + 2, dtype=torch.float64) / 2595) - 1)  # Hz
    bins = torch.linspace(0, RATE_HZ / 2, N_FFT // 2 + 1, dtype=torch.float64)
    rising = (bins - edges[:-2, None]) / edges.diff()[:-1, None]
    falling = (edges[2:, None] - bins) / edges.diff()[1:, None]
    return torch.minimum(rising, falling).clamp(min=0).float()
