"""The networks of the embedded evaluators: small, convolutional, and fast on one CPU core.

Letters: B clips, T video frames (25 a second), F log-mel frames (100 a second), M mel bands, D embedding.
Pictures are RGB in [0, 1], mel spectrograms natural logarithms as `signal.audio.log_mel` returns them.
Imported lazily, because it needs torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import shipped_weights

Config = Mapping[str, Any]
MELS = 64
"""Mel bands of every network that takes audio."""
WINDOW_FRAMES, WINDOW_MELS, MELS_PER_FRAME = 5, 20, 4
"""SyncNet's window: 5 video frames against 0.2 s of sound."""


def _conv2d(inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _conv1d(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Sequential:
    conv = nn.Conv1d(inputs, outputs, kernel, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm1d(outputs), nn.ReLU(inplace=True))


def normalised_mel(mel: Tensor) -> Tensor:
    """Maps (B, F, M) log-mel to (B, M, F) of roughly zero mean and unit variance."""
    return (mel.transpose(1, 2) + 10.0) / 4.0


class FrameEncoder(nn.Module):
    """Encodes single frames; the crop keeps the part that the task needs."""

    def __init__(self, crop: tuple[int, int, int, int], stem: int, width: int) -> None:
        """Builds the layers.

        Args:
            crop: y0, y1, x0, x1 in pixels of a 64x64 frame.
            stem: stride of the first convolution; 2 resolves lips, 4 is enough for a whole scene.
            width: D.
        """
        super().__init__()
        self.crop = crop
        height, wide = (crop[1] - crop[0]) // (4 * stem), (crop[3] - crop[2]) // (4 * stem)
        self.layers = nn.Sequential(
            _conv2d(3, 24, 4, stem, 1 if stem == 2 else 0),
            _conv2d(24, 48, 3, 2, 1),
            _conv2d(48, 96, 3, 2, 1),
            nn.Flatten(),
            nn.Linear(96 * height * wide, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Maps (N, 3, 64, 64), or the crop of it to (N, D)."""
        y0, y1, x0, x1 = self.crop
        if frames.shape[2:] != (y1 - y0, x1 - x0):
            frames = frames[:, :, y0:y1, x0:x1]
        return self.layers((frames * 4.0 - 2.0).contiguous(memory_format=torch.channels_last))


class SyncNet(nn.Module):
    """Two towers that embed 5 frames and 0.2 s of sound on one unit sphere, near if they belong together.

    All windows of a clip are embedded at once: each frame and each mel frame is encoded once,
    and the layers that span a window take no padding, so a window depends on nothing outside it.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config["width"]
        self.eye = FrameEncoder(tuple(config["crop"]), 2, 96)
        self.seen = nn.Sequential(_conv1d(96, 160, WINDOW_FRAMES), nn.Conv1d(160, width, 1))
        self.ear = nn.Sequential(  # receptive field 4, 8, 20 mel frames; stride 2, 4, 4
            _conv1d(MELS, 128, 4, 2), _conv1d(128, 160, 3, 2), _conv1d(160, 192, 4), nn.Conv1d(192, width, 1)
        )

    def encode_video(self, frames: Tensor) -> Tensor:
        """Maps (B, T, 3, 64, 64) to (B, T - 4, D) unit vectors."""
        vectors = self.eye(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])  # (B, T, 96)
        return F.normalize(self.seen(vectors.transpose(1, 2)), dim=1).transpose(1, 2)

    def encode_audio(self, mel: Tensor) -> Tensor:
        """Maps (B, F, M) to (B, (F - 20) // 4 + 1, D) unit vectors; window i spans mel frames 4i .. 4i + 19."""
        return F.normalize(self.ear(normalised_mel(mel)), dim=1).transpose(1, 2)


class MouthReader(nn.Module):
    """Estimates how far the drawn mouth is open from one frame."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.eye = FrameEncoder(tuple(config["crop"]), 2, 64)
        self.opening = nn.Linear(64, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Maps (N, 3, 64, 64) to (N,) in [0, 1]."""
        return torch.sigmoid(self.opening(self.eye(frames))).squeeze(1)


class MouthHearer(nn.Module):
    """Estimates from audio how far the mouth is open, frame by frame."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv1d(MELS, 96, 5, 2, 2), _conv1d(96, 96, 5, 2, 2), _conv1d(96, 96, 5, 1, 2), _conv1d(96, 96, 5, 1, 2)
        )
        self.opening = nn.Conv1d(96, 1, 1)

    def forward(self, mel: Tensor) -> Tensor:
        """Maps (B, 4 T, M) to (B, T) in [0, 1]."""
        return torch.sigmoid(self.opening(self.layers(normalised_mel(mel)))).squeeze(1)


class VideoEmbedder(nn.Module):
    """Embeds the frames of a clip: D numbers (a linear bottleneck of unit variance over the training clips)."""

    LAGS = (1, 2, 4, 8)
    """Frames over which a frame vector's change is averaged: in a shuffled clip it grows no more with the lag."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.eye = FrameEncoder((0, 64, 0, 64), 4, 96)
        self.motion = nn.Sequential(_conv1d(192, 128, 3, 1, 1), _conv1d(128, 128, 5, 2, 2), _conv1d(128, 128, 5, 2, 2))
        self.bottleneck = nn.Linear((2 + len(self.LAGS)) * 96 + 2 * 128, config["width"])
        self.scale = nn.BatchNorm1d(config["width"], affine=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Maps (B, T, 3, 64, 64) to (B, D)."""
        vectors = self.eye(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).transpose(1, 2)  # (B, 96, T)
        change = F.pad(vectors.diff(dim=2), (1, 0))
        moved = self.motion(torch.cat([vectors, change], dim=1))  # (B, 128, T / 4)
        pooled = [vectors.mean(2), vectors.std(2), moved.mean(2), moved.std(2)]
        travelled = [(vectors[:, :, lag:] - vectors[:, :, :-lag]).abs().mean(2) for lag in self.LAGS]
        return self.scale(self.bottleneck(torch.cat(pooled + travelled, dim=1)))


class AudioEmbedder(nn.Module):
    """Embeds the audio of a clip: D numbers (a linear bottleneck of unit variance over the training audio)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.layers = nn.Sequential(_conv1d(MELS, 96, 5, 2, 2), _conv1d(96, 128, 5, 2, 2), _conv1d(128, 128, 3, 2, 1))
        self.bottleneck = nn.Linear(2 * 128 + 2 * MELS, config["width"])
        self.scale = nn.BatchNorm1d(config["width"], affine=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Maps (B, F, M) to (B, D)."""
        bands = normalised_mel(mel)
        deep = self.layers(bands)
        pooled = [bands.mean(2), bands.std(2), deep.mean(2), deep.std(2)]
        return self.scale(self.bottleneck(torch.cat(pooled, dim=1)))


class LookClassifier(nn.Module):
    """Classifies hair and background: votes of single frames, averaged."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.classes: dict[str, list[str]] = config["classes"]
        self.sizes = [len(names) for names in self.classes.values()]
        self.eye = FrameEncoder((0, 64, 0, 64), 4, 96)
        self.votes = nn.Linear(96, sum(self.sizes))

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Maps (B, T, 3, 64, 64) to log-odds (B, classes) for each attribute in the order of the config."""
        votes = self.votes(self.eye(frames.flatten(0, 1))).unflatten(0, frames.shape[:2]).mean(1)
        return votes.split(self.sizes, dim=1)


class VoiceClassifier(nn.Module):
    """Classifies the voice."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.classes: dict[str, list[str]] = config["classes"]
        self.sizes = [len(names) for names in self.classes.values()]
        self.layers = nn.Sequential(_conv1d(MELS, 96, 5, 2, 2), _conv1d(96, 96, 5, 2, 2))
        self.votes = nn.Linear(2 * 96, sum(self.sizes))

    def forward(self, mel: Tensor) -> tuple[Tensor, ...]:
        """Maps (B, F, M) to log-odds (B, classes) for each attribute in the order of the config."""
        deep = self.layers(normalised_mel(mel))
        return self.votes(torch.cat([deep.mean(2), deep.std(2)], dim=1)).split(self.sizes, dim=1)


KINDS: Mapping[str, type[nn.Module]] = {
    kind.__name__: kind
    for kind in (SyncNet, MouthReader, MouthHearer, VideoEmbedder, AudioEmbedder, LookClassifier, VoiceClassifier)
}


def save(net: nn.Module, config: Config, file: Path) -> None:
    """Writes weights in half precision (running variances in single: they may leave its range) with their config."""
    tensors = {
        name: (value if "running" in name or not value.is_floating_point() else value.half()).contiguous()
        for name, value in net.state_dict().items()
        if "num_batches_tracked" not in name
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, {"config": json.dumps({"kind": type(net).__name__, **config})})


def read_config(file: Path) -> dict[str, Any]:
    """Reads the config inside a weights file."""
    with safe_open(file, "pt") as stored:
        config: dict[str, Any] = json.loads(stored.metadata()["config"])
    return config


def read(file: Path, device: str = "cpu") -> nn.Module:
    """Loads the network of a weights file, ready for inference."""
    config = read_config(file)
    with safe_open(file, "pt") as stored:
        tensors = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118 (not a mapping)
    net = KINDS[config["kind"]](config)
    expected = {name for name in net.state_dict() if "num_batches_tracked" not in name}
    if expected != set(tensors):
        raise Unavailable(f"weights do not fit: {file} lacks or adds {sorted(expected ^ set(tensors))[:3]}")
    net.load_state_dict(tensors, strict=False)
    return net.eval().requires_grad_(False).to(device)


@cache
def load(name: str, device: str) -> nn.Module:
    """Loads a shipped evaluator by name, once. Raises Unavailable when its weights are missing."""
    if reason := shipped_weights.missing(name):
        raise Unavailable(reason)
    return read(shipped_weights.path(name), device)


def pictures(frames: Any, device: str) -> Tensor:
    """Maps (..., H, W, 3) uint8 frames to (..., 3, H, W) in [0, 1]."""
    return torch.from_numpy(frames).to(device).movedim(-1, -3).float() / 255.0
