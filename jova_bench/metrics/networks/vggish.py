"""VGGish: 128 numbers for every 0.96 s of sound, the space in which FAD is measured.

The network of Hershey et al. (2017, arXiv 1609.09430) with the names and shapes of `vggish-10086976.pth`
(harritaylor/torchvggish @f3f9096). What follows its last layer there, ReLU, principal components and quantisation, is
left out, as FAD is computed by av-benchmark, fadtk and frechet-audio-distance.

Letters: N samples, F frames, P patches, D outputs (128).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from jova_bench.metrics.networks.shaped import Shapes, linear
from jova_bench.metrics.signal.htk_mel import htk_bands

RATE_HZ, WINDOW, HOP, FFT = 16_000, 400, 160, 512
MELS, LOW_HZ, HIGH_HZ, FLOOR = 64, 125, 7500, 0.01
PATCH = 96
"""Frames of a patch; patches do not overlap."""
MIN_SAMPLES = (PATCH - 1) * HOP + WINDOW
"""0.975 s: one patch."""
POOLS = (2, 5, 10, 15)
"""Positions of pooling in `features`; all else is convolutions, each with its ReLU."""


def patches(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Computes the (P, 1, 96, 64) log mel spectrogram of (N,) audio at 16 kHz; an incomplete last patch is dropped.

    25 ms periodic Hann windows every 10 ms, magnitudes (not powers) of a 512-point transform, log(x + 0.01).
    """
    count = max(0, 1 + (len(audio) - WINDOW) // HOP) // PATCH
    if not count:
        return np.zeros((0, 1, PATCH, MELS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), WINDOW)[::HOP][: count * PATCH]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    magnitude = np.abs(np.fft.rfft(frames * window, FFT))  # (F, 257)
    mel = magnitude @ htk_bands(MELS, FFT, RATE_HZ, LOW_HZ, HIGH_HZ).T
    return np.log(mel + FLOOR).astype(np.float32).reshape(count, 1, PATCH, MELS)


class VGGish(nn.Module):
    """(P, 1, 96, 64) patches -> (P, D)."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds the layers.

        Args:
            shapes: of the checkpoint, by name; every width is read from them.
        """
        super().__init__()
        layers: list[nn.Module] = []
        while len(layers) <= POOLS[-1]:
            if len(layers) in POOLS:
                layers.append(nn.MaxPool2d(2))
            else:
                width, channels, *_ = shapes[f"features.{len(layers)}.weight"]
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        first, second, third = (linear(shapes, f"embeddings.{k}") for k in (0, 2, 4))
        self.embeddings = nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True), third)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (P, 1, 96, 64) to (P, D), flattened with channels last, as TensorFlow had them."""
        return self.embeddings(self.features(x).permute(0, 2, 3, 1).flatten(1))
