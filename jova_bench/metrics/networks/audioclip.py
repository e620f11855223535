"""AudioCLIP's audio encoder: a ResNeXt with attention over a spectrogram whose wavelets were learned.

The network of Guzhov et al. (2021, arXiv 2106.13043) with the names and shapes that begin with `audio.` in
`AudioCLIP-Full-Training.pt` (AndreyGuzhov/AudioCLIP, as in JavisVerse/JavisDiT eval/javisbench/src/AudioCLIP
@b505b37: model/esresnet). Frequency B-spline wavelets of 2,048 samples, 1,025 of them; the decibels of the low, middle
and high third are three colours of one picture.

Letters: N samples, F frames, W samples of a window, H a third of the wavelets, D outputs (1,024).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova_bench.metrics.networks.shaped import Shapes, linear

HOP, COLOURS = 561, 3
FLOOR = 1e-18
"""Power in place of none."""
TINY = 1e-8
LOW, HIGH = -32768.0, 32767.0
"""What is taken for full scale."""
REACH: Mapping[int, tuple[int, int]] = {1: (3, 1), 2: (1, 5), 3: (3, 1), 4: (1, 5), 5: (3, 5)}
"""Extent of each attention's filters in frequency and in time."""


class AudioEncoder(nn.Module):
    """(B, N) sound -> (B, D)."""

    window: Tensor

    def __init__(self, shapes: Shapes, hop: int = HOP) -> None:
        """Builds the layers.

        Args:
            shapes: of the checkpoint, by name; every width is read from them.
            hop: samples between frames.
        """
        super().__init__()
        self.hop = hop
        # As many samples as a wavelet has, which no shape tells: two for each wavelet and none for the last.
        self.samples = 2 * (shapes["fbsp.m"][0] - 1)
        self.register_buffer("window", torch.empty(shapes["window"]))
        learned = ("m", "fb", "fc", "bias")  # The last holds no number.
        self.fbsp = nn.ParameterDict({name: torch.empty(shapes[f"fbsp.{name}"]) for name in learned})
        self.conv1 = nn.Conv2d(COLOURS, shapes["conv1.weight"][0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(shapes["bn1.weight"][0])
        for number in range(1, 5):
            blocks = _children(shapes, f"layer{number}")
            made = [Bottleneck(shapes, f"layer{number}.{k}", 2 if number > 1 and not k else 1) for k in range(blocks)]
            self.add_module(f"layer{number}", nn.Sequential(*made))
        for number, reach in REACH.items():
            self.add_module(f"att{number}", Attention(shapes, f"att{number}", reach))
        self.fc = linear(shapes, "fc")

    def forward(self, audio: Tensor) -> Tensor:
        """Maps (B, N), N > 0, to (B, D)."""
        x = F.relu(self.bn1(self.conv1(self.picture(audio))))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for number in range(1, 5):
            features = self.get_submodule(f"layer{number}")(x)
            x = features * self.get_submodule(f"att{number}")(x, features.shape[-2:])
        pooled = x.mean(dim=(2, 3), keepdim=True)
        return self.fc((pooled * self.get_submodule("att5")(x, pooled.shape[-2:])).flatten(1))

    def picture(self, audio: Tensor) -> Tensor:
        """Maps (B, N) to (B, 3, H, F) decibels."""
        scaled = (audio - LOW) * 2.0 / (HIGH - LOW) - 1.0
        real, imaginary = self.wavelets()
        framed = self.frames(scaled)  # (B, F, W)
        power = (F.linear(framed, real) ** 2 + F.linear(framed, imaginary) ** 2).transpose(1, 2)
        third = power.shape[1] // COLOURS
        thirds = power[:, : COLOURS * third].reshape(len(power), COLOURS, third, -1)
        return 10 * torch.log10(torch.where(thirds > 0, thirds, FLOOR))

    def frames(self, audio: Tensor) -> Tensor:
        """Maps (B, N) to (B, F, W), windowed; the signal stands in the middle of zeros, and so does each frame."""
        size = len(self.window)
        count = 1 + max(0, math.ceil((audio.shape[-1] - size) / self.hop))
        missing = (count - 1) * self.hop + size - audio.shape[-1]
        framed = F.pad(audio, (missing // 2, missing - missing // 2)).unfold(-1, size, self.hop) * self.window
        around = self.samples - size
        return F.pad(framed, (around // 2, around - around // 2))

    def wavelets(self) -> tuple[Tensor, Tensor]:
        """Returns the real and the imaginary part of each wavelet, (wavelets, W) each."""
        m, fb, fc = (self.fbsp[name][:, None] for name in ("m", "fb", "fc"))
        time = torch.pi * torch.linspace(-1, 1, self.samples, dtype=m.dtype, device=m.device)[None] + TINY
        argument = fb * time / (m + TINY)
        sinc = torch.where(argument == 0, torch.ones_like(argument), torch.sin(argument) / argument)
        envelope = (sinc**2) ** (0.5 * m) * (fb.sqrt() / self.samples**0.5)
        # To the power m: where the sinc is negative, m half turns.
        angle = m * torch.pi * (sinc < 0) - fc * time
        return envelope * torch.cos(angle), envelope * torch.sin(angle)


class Bottleneck(nn.Module):
    """Three convolutions, the middle one in groups, around a shortcut."""

    def __init__(self, shapes: Shapes, name: str, stride: int) -> None:
        super().__init__()
        width, channels = shapes[f"{name}.conv1.weight"][:2]
        out = shapes[f"{name}.conv3.weight"][0]
        groups = width // shapes[f"{name}.conv2.weight"][1]
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, groups=groups, bias=False)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm2d(width), nn.BatchNorm2d(width), nn.BatchNorm2d(out)
        if f"{name}.downsample.0.weight" in shapes:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        else:
            self.downsample = nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, H, F) to (B, C', H', F')."""
        hidden = F.relu(self.bn1(self.conv1(x)))
        hidden = F.relu(self.bn2(self.conv2(hidden)))
        return F.relu(self.bn3(self.conv3(hidden)) + self.downsample(x))


class Attention(nn.Module):
    """Weights the places and channels of a layer's output by the layer's input."""

    def __init__(self, shapes: Shapes, name: str, reach: tuple[int, int]) -> None:
        super().__init__()
        channels, out = shapes[f"{name}.conv_depth.weight"][0], shapes[f"{name}.conv_point.weight"][0]
        self.conv_depth = nn.Conv2d(channels, channels, reach, padding=(reach[0] // 2, reach[1] // 2), groups=channels)
        self.conv_point = nn.Conv2d(channels, out, 1)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        """Maps (B, C, H, F) to (B, out, *size) in 0..1."""
        pooled = F.adaptive_max_pool2d(x, list(size))
        return torch.sigmoid(self.bn(self.conv_point(self.conv_depth(pooled))))


def _children(shapes: Shapes, name: str) -> int:
    return len({key.split(".")[1] for key in shapes if key.startswith(f"{name}.")})
