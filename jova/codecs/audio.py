"""Audio codec: 12.5 tokens per second, PCA of stacked log-mel spectra, decoded by mel inversion and Griffin-Lim.

Tokens are aligned with the video. Audio is padded in front by one frame (640 samples) of silence, so that token j
covers the samples of frames 2j - 1 and 2j, as video latent i covers frames 4i - 3 .. 4i: tokens 2i - 1 and 2i belong to
latent i.

Letters: B clips, T frames, N = 640 T samples, m spectra (one every 10 ms), A tokens, C components.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova.codecs.base import WEIGHTS, digest_of_tensors, fill, load_weights, save_weights
from jova.timeline import Stream

KIND = "jova-audio-codec@1"
SAMPLE_RATE_HZ = 16_000
HOP = 160
"""Hop length in samples: 10 ms."""
HOPS_PER_TOKEN = 8
"""Mel spectra per token: 80 ms."""
FRAME = 640
"""Samples per video frame at 25 fps."""
STREAM = Stream(Fraction(25), 2)
"""Tokens of two frames; the first covers one."""


@dataclass(frozen=True)
class AudioCodecConfig:
    """Hyperparameters of the analysis and of the inversion; the field names are stored with the weights."""

    channels: int = 128
    """C, number of principal components kept of the 8 x 80 log-mel values of a token."""
    mels: int = 80
    """Mel bands."""
    window: int = 512
    """Length of the Hann window and of the FFT, in samples."""
    floor: float = 1e-2
    """Lower limit of mel magnitudes before the logarithm; full-scale speech reaches about 50."""
    iterations: int = 60
    """Number of Griffin-Lim iterations."""
    momentum: float = 0.99
    """Momentum of the accelerated Griffin-Lim algorithm (Perraudin, Balazs and Sondergaard 2013)."""


def mel_filters(mels: int, bins: int) -> Tensor:
    """Returns triangular filters of unit peak, equally spaced on the mel scale 2595 log10(1 + f / 700) up to 8 kHz.

    Returns:
        (mels, bins) weights of the magnitude spectrum.
    """
    top = 2595 * math.log10(1 + SAMPLE_RATE_HZ / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, mels + 2, dtype=torch.float64) / 2595) - 1)
    frequency = torch.linspace(0, SAMPLE_RATE_HZ / 2, bins, dtype=torch.float64)
    # A triangle narrower than a bin could miss every bin, so each side is at least one bin wide.
    width = SAMPLE_RATE_HZ / 2 / (bins - 1)
    left = torch.minimum(edges[:-2], edges[1:-1] - width)[:, None]
    right = torch.maximum(edges[2:], edges[1:-1] + width)[:, None]
    centre = edges[1:-1, None]
    rising, falling = (frequency - left) / (centre - left), (right - frequency) / (right - centre)
    return torch.minimum(rising, falling).clamp(min=0).float()


class AudioCodec(nn.Module):
    """Audio codec on log-mel principal components; implements `jova.codecs.base.SoundCodec`."""

    def __init__(self, config: AudioCodecConfig) -> None:
        super().__init__()
        self.config = config
        size = config.mels * HOPS_PER_TOKEN
        self.mean: Tensor
        self.basis: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("basis", torch.eye(size)[:, : config.channels])
        self.register_buffer("scale", torch.ones(config.channels))
        self.window: Tensor
        self.filters: Tensor
        self.inverse: Tensor
        filters = mel_filters(config.mels, config.window // 2 + 1)
        self.register_buffer("window", torch.hann_window(config.window), persistent=False)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("inverse", torch.linalg.pinv(filters), persistent=False)

    @property
    def channels(self) -> int:
        """C, components of a token."""
        return self.config.channels

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        return SAMPLE_RATE_HZ

    @property
    def stream(self) -> Stream:
        """Rate and stride of the tokens."""
        return STREAM

    @property
    def fingerprint(self) -> str:
        """Digest of the components, which decide the tokens."""
        return digest_of_tensors([self.mean, self.basis, self.scale])

    def stft(self, audio: Tensor) -> Tensor:
        """Computes the STFT, each spectrum centred in its hop: (B, 160 m) -> (B, bins, m) complex."""
        side = (self.config.window - HOP) // 2
        padded = F.pad(audio, (side, side))
        return torch.stft(
            padded, self.config.window, HOP, window=self.window, center=False, normalized=False, return_complex=True
        )

    def istft(self, spectrum: Tensor) -> Tensor:
        """Inverts `stft` by weighted overlap-add, which is the least-squares solution: (B, bins, m) -> (B, 160 m)."""
        count, size = spectrum.shape[-1], self.config.window
        reach = -(-size // HOP)  # hops that a window overlaps
        pieces = torch.fft.irfft(spectrum.transpose(1, 2), n=size) * self.window
        hops = F.pad(pieces, (0, reach * HOP - size)).reshape(*pieces.shape[:2], reach, HOP)
        weight = F.pad(self.window.square(), (0, reach * HOP - size)).reshape(reach, HOP)
        total = sum(F.pad(hops[:, :, k], (0, 0, k, reach - 1 - k)) for k in range(reach))
        norm = sum(F.pad(weight[k].expand(count, HOP), (0, 0, k, reach - 1 - k)) for k in range(reach))
        assert isinstance(total, Tensor)
        assert isinstance(norm, Tensor)
        side = (size - HOP) // 2
        return (total / norm.clamp(min=1e-8)).flatten(1)[:, side : side + count * HOP]

    def log_mel(self, audio: Tensor) -> Tensor:
        """Computes natural-log mel magnitudes: (B, 160 m) -> (B, m, mels)."""
        mel = (self.filters @ self.stft(audio).abs()).transpose(1, 2)
        return mel.clamp(min=self.config.floor).log()

    def stacks(self, audio: Tensor) -> Tensor:
        """Stacks the log-mel values of each token: audio (B, N) -> (B, A, 8 mels); silence fills the last token."""
        samples = audio.shape[-1]
        whole = FRAME * STREAM.units(STREAM.tokens(-(-samples // FRAME)))
        mel = self.log_mel(F.pad(audio, (FRAME, whole - samples)))
        return mel.reshape(mel.shape[0], -1, HOPS_PER_TOKEN * self.config.mels)

    @torch.no_grad()
    def fit(self, stacks: Tensor) -> None:
        """Fits the principal components and their scale.

        Deviations are first compressed to their square roots, so that the loss of a generative model is dominated
        neither by the loudest component nor by noise; then all are scaled to a mean variance of 1.

        Args:
            stacks: (n, 8 mels) tokens of `stacks`.
        """
        data = stacks.double()
        self.mean.copy_(data.mean(0))
        covariance = torch.cov(data.T)
        variance, vectors = torch.linalg.eigh(covariance)
        keep = torch.arange(len(variance) - 1, len(variance) - 1 - self.config.channels, -1)
        deviation = variance[keep].clamp(min=1e-12).sqrt()
        # A component of deviation s becomes a latent of deviation g sqrt(s), with g such that the mean variance is 1.
        gain = 1 / deviation.mean().sqrt()
        self.scale.copy_(deviation.sqrt() / gain)
        self.basis.copy_(vectors[:, keep])

    @torch.no_grad()
    def encode(self, media: Tensor) -> Tensor:
        """Encodes audio (B, N) at 16 kHz to tokens (B, A, C)."""
        return (self.stacks(media) - self.mean) @ self.basis / self.scale

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Decodes tokens (B, A, C) to audio (B, 640 (2 A - 1)) in [-1, 1].

        Clips are decoded one at a time: their spectra then fit the CPU's cache, and no clip depends on its batch.
        """
        return torch.cat([self.decode_clip(clip) for clip in torch.split(latents, 1)])

    def decode_clip(self, latents: Tensor) -> Tensor:
        """Decodes tokens (1, A, C) to audio (1, 640 (2 A - 1))."""
        stacks = (latents * self.scale) @ self.basis.T + self.mean
        mel = stacks.reshape(1, -1, self.config.mels).exp()
        return self.griffin_lim(self.magnitudes(mel.transpose(1, 2)))[:, FRAME:].clamp(-1, 1)

    def magnitudes(self, mel: Tensor) -> Tensor:
        """Inverts the mel filters: (B, mels, m) -> non-negative magnitudes (B, bins, m)."""
        magnitude = (self.inverse @ mel).clamp(min=1e-5)
        # Multiplicative updates of non-negative least squares, because the clipped pseudo-inverse is no solution.
        wanted = self.filters.T @ mel
        for _ in range(30):
            magnitude = magnitude * (wanted + 1e-8) / (self.filters.T @ (self.filters @ magnitude) + 1e-8)
        return magnitude

    def griffin_lim(self, magnitude: Tensor) -> Tensor:
        """Recovers a signal from magnitudes: (B, bins, m) -> (B, 160 m). The initial phase is fixed."""
        generator = torch.Generator().manual_seed(0)
        phase = torch.rand(magnitude.shape[1:], generator=generator).to(magnitude.device) * (2 * math.pi)
        spectrum = torch.polar(magnitude, phase.expand_as(magnitude))
        previous = torch.zeros_like(spectrum)
        for _ in range(self.config.iterations):
            consistent = self.stft(self.istft(spectrum))
            ahead = consistent + self.config.momentum * (consistent - previous)
            previous = consistent
            spectrum = magnitude * ahead / ahead.abs().clamp(min=1e-8)
        return self.istft(spectrum)

    def save(self, path: Path) -> None:
        """Writes the codec with its config in the metadata; the basis in half precision."""
        tensors = {"mean": self.mean, "basis": self.basis.half(), "scale": self.scale}
        save_weights(path, tensors, self.config, KIND)

    @classmethod
    def load(cls, path: Path = WEIGHTS / "audio-codec.safetensors") -> AudioCodec:
        """Reads a file written by `save`; by default the shipped one."""
        config, tensors = load_weights(path, KIND, AudioCodecConfig)
        codec = cls(config)
        fill(codec, tensors, path)
        return codec.eval()
