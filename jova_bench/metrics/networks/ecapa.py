"""ECAPA-TDNN (Desplanques et al. 2020, arXiv 2005.07143): embeds a voice, from a filterbank of its speech.

Our own reading of speechbrain/speechbrain @ 9c826ef (lobes/models/ECAPA_TDNN.py, processing/features.py); takes the
checkpoint of speechbrain/spkrec-ecapa-voxceleb by its own names, in any width. `EncoderClassifier.encode_batch` there
takes the mean over time from the filterbank, and leaves the embedding as the network gives it; so does this.

Letters: N samples at 16 kHz, F frames of 10 ms, C channels, d dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from jova_bench.arrays import Audio, FloatArray
from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.signal.audio import RATE_HZ

FFT, HOP, BANDS = 400, 160, 80
FLOOR, RANGE_DB = 1e-10, 80.0
DILATIONS = (2, 3, 4)
"""Dilations of the blocks after the first layer, which no shape tells."""


def filterbank(audio: Audio) -> FloatArray:
    """Computes power in mel bands of (N,) samples, in dB of at most 80 below the loudest, less each band's mean.

    Returns:
        (F, 80), F = 1 + N // 160: Hamming windows of 25 ms, centred, with zeros beyond the ends.
    """
    padded = np.pad(audio.astype(np.float64), FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
    power = np.abs(np.fft.rfft(frames * hamming, axis=1)) ** 2 @ _bands()
    level = 10 * np.log10(np.maximum(power, FLOOR))
    level = np.maximum(level, level.max() - RANGE_DB)
    return np.asarray(level - level.mean(axis=0))


@lru_cache(maxsize=1)
def _bands() -> FloatArray:
    """Returns (201, 80) triangles, evenly spaced in HTK's mel; each is as wide above its peak as below it."""
    edges_hz = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE_HZ / 2 / 700), BANDS + 2) / 2595) - 1)
    away = (np.linspace(0, RATE_HZ / 2, FFT // 2 + 1)[:, None] - edges_hz[1:-1]) / np.diff(edges_hz)[:-1]
    return np.asarray(np.maximum(0, 1 - np.abs(away)))


class Conv(nn.Module):
    """A convolution over frames, mirrored at the ends."""

    def __init__(self, inputs: int, outputs: int, size: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (size - 1) // 2
        self.conv = nn.Conv1d(inputs, outputs, size, dilation=dilation, padding=padding, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, C, F) to (1, C', F)."""
        return cast(Tensor, self.conv(x))


class Norm(nn.Module):
    """A batch norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, C, F) to the same shape."""
        return cast(Tensor, self.norm(x))


class Layer(nn.Module):
    """A convolution, a ReLU and a norm."""

    def __init__(self, inputs: int, outputs: int, size: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv, self.norm = Conv(inputs, outputs, size, dilation), Norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, C, F) to (1, C', F)."""
        return cast(Tensor, self.norm(self.conv(x).relu()))


class Scales(nn.Module):
    """Layers on groups of channels, each of which hears what the one before made (Res2Net)."""

    def __init__(self, width: int, count: int, size: int, dilation: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Layer(width, width, size, dilation) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, C, F) to the same shape."""
        first, *groups = x.chunk(len(self.blocks) + 1, dim=1)
        made, before = [first], torch.zeros_like(first)
        for layer, group in zip(self.blocks, groups, strict=True):
            before = layer(group + before)
            made.append(before)
        return torch.cat(made, dim=1)


class Gate(nn.Module):
    """Scales each channel by what all of the sound says of it (squeeze and excitation)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Conv(width, inner), Conv(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, C, F) to the same shape."""
        return cast(Tensor, self.conv2(self.conv1(x.mean(dim=2, keepdim=True)).relu()).sigmoid() * x)


class Block(nn.Module):
    """Two layers with scales between them, and a gate, beside a shortcut."""

    def __init__(self, width: int, scales: Scales, gate: Gate) -> None:
        super().__init__()
        self.tdnn1, self.res2net_block, self.tdnn2, self.se_block = (
            Layer(width, width),
            scales,
            Layer(width, width),
            gate,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, C, F) to the same shape."""
        return cast(Tensor, x + self.se_block(self.tdnn2(self.res2net_block(self.tdnn1(x)))))


class Pooled(nn.Module):
    """Mean and deviation over frames, weighted for each channel by how much a frame matters to it."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.tdnn, self.conv = Layer(3 * width, inner), Conv(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, C, F) to (1, 2 C, 1)."""
        whole = _statistics(x, torch.full_like(x, 1 / x.shape[2]))
        around = torch.cat([x, *(one.expand_as(x) for one in whole)], dim=1)
        return torch.cat(_statistics(x, self.conv(self.tdnn(around).tanh()).softmax(dim=2)), dim=1)


def _statistics(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the weighted mean and deviation over frames, (1, C, 1) each."""
    mean = (weights * x).sum(dim=2, keepdim=True)
    return mean, (weights * (x - mean) ** 2).sum(dim=2, keepdim=True).clamp(1e-12).sqrt()


class Ecapa(nn.Module):
    """The network, in the widths of a checkpoint's shapes."""

    def __init__(self, shapes: Mapping[str, torch.Size]) -> None:
        super().__init__()
        width, bands, size = shapes["blocks.0.conv.conv.weight"]
        blocks: list[nn.Module] = [Layer(bands, width, size)]
        for number, dilation in enumerate(DILATIONS, start=1):
            scales = len(
                [
                    name
                    for name in shapes
                    if name.startswith(f"blocks.{number}.res2net_block.") and ".conv.weight" in name
                ]
            )
            narrow, _, around = shapes[f"blocks.{number}.res2net_block.blocks.0.conv.conv.weight"]
            inner = shapes[f"blocks.{number}.se_block.conv1.conv.weight"][0]
            blocks.append(Block(width, Scales(narrow, scales, around, dilation), Gate(width, inner)))
        self.blocks = nn.ModuleList(blocks)
        wide = shapes["mfa.conv.conv.weight"][0]
        self.mfa = Layer(len(DILATIONS) * width, wide)
        self.asp = Pooled(wide, shapes["asp.tdnn.conv.conv.weight"][0])
        self.asp_bn = Norm(2 * wide)
        self.fc = Conv(2 * wide, shapes["fc.conv.weight"][0])

    def forward(self, bands: Tensor) -> Tensor:
        """Maps a filterbank (1, 80, F) to (1, d, 1)."""
        first, *rest = self.blocks
        x, made = first(bands), []
        for block in rest:
            x = block(x)
            made.append(x)
        return cast(Tensor, self.fc(self.asp_bn(self.asp(self.mfa(torch.cat(made, dim=1))))))

    @torch.inference_mode()
    def embed(self, audio: Audio) -> FloatArray:
        """Maps (N,) speech at 16 kHz, N of a tenth of a second or more, to (d,)."""
        heard = torch.from_numpy(filterbank(audio).T[None].astype(np.float32)).to(self.fc.conv.weight.device)
        return np.asarray(self(heard)[0, :, 0].double().cpu().numpy())


def load(weights: Path, device: str) -> Ecapa:
    """Loads `embedding_model.ckpt`. Raises Unavailable for another file."""
    state = checkpoint.tensors(weights)
    try:
        net = Ecapa({name: value.shape for name, value in state.items()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise Unavailable(f"weights unreadable: {weights} is no ECAPA-TDNN ({error!r})") from error
    return cast(Ecapa, checkpoint.load_weights(net, state, weights).to(device))
