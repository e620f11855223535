"""Resamples audio by a windowed sinc, as torchaudio's `resample` does by default: LTX-2 was trained with it.

torchaudio itself is not needed by anything else here, and its builds fit one build of torch each.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

ZEROS = 6
"""Zero crossings of the sinc on each side."""
ROLLOFF = 0.99
"""Cut-off of the low-pass filter, as a share of the lower of the two Nyquist frequencies."""


def resample(audio: Tensor, rate_hz: int, wanted_hz: int) -> Tensor:
    """Resamples audio (B, N) float32 to (B, ceil(N wanted / rate))."""
    if rate_hz == wanted_hz:
        return audio
    common = math.gcd(rate_hz, wanted_hz)
    before, after = rate_hz // common, wanted_hz // common
    cutoff = ROLLOFF * min(before, after)
    reach = math.ceil(ZEROS * before / cutoff)  # samples on each side of a block of `before`
    # Times of the inputs of a block relative to each of its `after` outputs, in zero crossings.
    inputs = torch.arange(-reach, reach + before, dtype=torch.float64) / before
    outputs = torch.arange(after, dtype=torch.float64) / after
    times = ((inputs - outputs[:, None]) * cutoff).clamp(-ZEROS, ZEROS)
    window = torch.cos(times * math.pi / ZEROS / 2).square()
    kernel = (torch.sinc(times) * window * cutoff / before).to(audio)
    padded = F.pad(audio, (reach, reach + before))
    blocks = F.conv1d(padded[:, None], kernel[:, None], stride=before)  # (B, after, blocks)
    return blocks.transpose(1, 2).flatten(1)[:, : -(-audio.shape[1] * after // before)]
