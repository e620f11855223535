"""SyncNet v2: two towers that embed 5 frames of a face and 0.2 s of sound, near if they belong together.

The network of Chung and Zisserman (2016) as in joonson/syncnet_python@6efbb1c, SyncNetModel.py. `SyncNet` states it,
with the names and shapes of `syncnet_v2.model`; `Towers` computes the same in about half the time on a CPU.

Letters: T frames, N windows, D embedding size (1024), F MFCC frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from jova_bench.arrays import FloatArray
from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.networks.shaped import inference

WINDOW_FRAMES, WINDOW_MFCC, MFCC_PER_FRAME = 5, 20, 4
"""A window: 5 frames at 25 fps against 20 MFCC frames at 100 Hz."""
CONVOLUTIONS = (0, 4, 8, 11, 14, 18)
"""Positions of the convolutions in either tower."""


class SyncNet(nn.Module):
    """The network as published, one window at a time."""

    def __init__(self, audio_channels: Sequence[int], video_channels: Sequence[int], hidden: int, width: int) -> None:
        """Builds the layers.

        Args:
            audio_channels: channels of the six convolutions over audio.
            video_channels: channels of the six convolutions over video.
            hidden: width of the layer before the embedding.
            width: D.
        """
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_conv2d(1, audio_channels[0], 3, padding=1),
            nn.MaxPool2d(1),
            *_conv2d(audio_channels[0], audio_channels[1], 3, padding=1),
            nn.MaxPool2d(3, (1, 2)),
            *_conv2d(audio_channels[1], audio_channels[2], 3, padding=1),
            *_conv2d(audio_channels[2], audio_channels[3], 3, padding=1),
            *_conv2d(audio_channels[3], audio_channels[4], 3, padding=1),
            nn.MaxPool2d(3, 2),
            *_conv2d(audio_channels[4], audio_channels[5], (5, 4)),
        )
        self.netfcaud = _head(audio_channels[5], hidden, width)
        self.netfclip = _head(video_channels[5], hidden, width)
        self.netcnnlip = nn.Sequential(
            *_conv3d(3, video_channels[0], (WINDOW_FRAMES, 7, 7), stride=2),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(video_channels[0], video_channels[1], (1, 5, 5), stride=2, padding=1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3d(video_channels[1], video_channels[2], (1, 3, 3), padding=1),
            *_conv3d(video_channels[2], video_channels[3], (1, 3, 3), padding=1),
            *_conv3d(video_channels[3], video_channels[4], (1, 3, 3), padding=1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(video_channels[4], video_channels[5], (1, 6, 6)),
        )

    def encode_video(self, windows: Tensor) -> Tensor:
        """Maps (N, 3, 5, 224, 224) BGR in 0 .. 255 to (N, D)."""
        return self.netfclip(self.netcnnlip(windows).flatten(1))

    def encode_audio(self, windows: Tensor) -> Tensor:
        """Maps (N, 1, 13, 20) MFCC to (N, D)."""
        return self.netfcaud(self.netcnnaud(windows).flatten(1))


def _conv2d(inputs: int, outputs: int, kernel: int | tuple[int, int], padding: int = 0) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU()]


def _conv3d(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int = 1, padding: int = 0
) -> list[nn.Module]:
    conv = nn.Conv3d(inputs, outputs, kernel, (1, stride, stride), (0, padding, padding))
    return [conv, nn.BatchNorm3d(outputs), nn.ReLU()]


def _head(inputs: int, hidden: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, width))


class Towers:
    """The same network for all windows of a clip at once.

    No arithmetic is shared between windows, because only the first convolution spans time; what is saved is copying
    every frame five times, normalising what a convolution can do itself, and a slow memory layout. Embeddings differ
    from `SyncNet`'s by rounding alone.
    """

    def __init__(self, net: SyncNet, device: str, dtype: torch.dtype = torch.float32) -> None:
        """Folds the normalisations into the weights and drops the time axis.

        Args:
            net: with its weights.
            device: where to run.
            dtype: float32, or bfloat16, which moves distances in the third digit.
        """
        self._device, self._dtype = device, dtype
        self._video_encoder = self._placed(_folded(net.netcnnlip), _folded(net.netfclip))
        self._audio_encoder = self._placed(_folded(net.netcnnaud), _folded(net.netfcaud))
        self._chunk = 4 if device == "cpu" else 64  # Few windows stay in a core's cache; many keep a GPU busy.

    def _placed(self, convolutions: list[nn.Module], head: list[nn.Module]) -> nn.Sequential:
        return nn.Sequential(*convolutions, nn.Flatten(), *head).to(self._device, self._dtype)

    def encode_video(self, crops: npt.NDArray[np.uint8]) -> FloatArray:
        """Maps (T, 224, 224, 3) BGR, as OpenCV reads pictures to (T - 4, D)."""
        frames, embeddings = torch.from_numpy(crops), []
        for start in range(0, len(frames) - WINDOW_FRAMES + 1, self._chunk):
            part = frames[start : start + self._chunk + WINDOW_FRAMES - 1].to(self._device).to(self._dtype)
            windows = part.unfold(0, WINDOW_FRAMES, 1).flatten(3)  # (n, 224, 224, 3 * 5), colour before time
            embeddings.append(self._run(self._video_encoder, windows.permute(0, 3, 1, 2)))
        return np.concatenate(embeddings)

    def encode_audio(self, mfcc: FloatArray) -> FloatArray:
        """Maps (F, 13) to ((F - 20) // 4 + 1, D); window i spans frames 4i .. 4i + 19."""
        frames = torch.from_numpy(mfcc).to(self._device, self._dtype)
        windows = frames.unfold(0, WINDOW_MFCC, MFCC_PER_FRAME)[:, None]  # (N, 1, 13, 20)
        return self._run(self._audio_encoder, windows.contiguous(memory_format=torch.channels_last))

    def _run(self, layers: nn.Sequential, windows: Tensor) -> FloatArray:
        with inference():
            return layers(windows).double().cpu().numpy()


def _folded(layers: nn.Sequential) -> list[nn.Module]:
    """Converts the layers to 2-D, with each normalisation folded into the layer before it."""
    flat: list[nn.Module] = []
    given = list(layers)
    for layer, after in zip(given, [*given[1:], nn.Identity()], strict=True):
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            assert isinstance(after, nn.BatchNorm2d | nn.BatchNorm3d)
            flat.append(_conv_of(fuse_conv_bn_eval(layer, after)))
        elif isinstance(layer, nn.Linear):
            flat.append(fuse_linear_bn_eval(layer, after) if isinstance(after, nn.BatchNorm1d) else deepcopy(layer))
        elif isinstance(layer, nn.MaxPool2d | nn.MaxPool3d):
            kernel, stride, padding = (_plane(size) for size in (layer.kernel_size, layer.stride, layer.padding))
            flat.append(nn.MaxPool2d(kernel, stride, padding))
        elif isinstance(layer, nn.ReLU):
            flat.append(nn.ReLU(inplace=True))
    return flat


def _conv_of(conv: nn.Conv2d | nn.Conv3d) -> nn.Conv2d:
    """Converts a convolution to 2-D: the frames of a window become channels."""
    weight = conv.weight.flatten(1, 2) if conv.weight.ndim == 5 else conv.weight  # (outputs, inputs, height, width)
    plane = nn.Conv2d(weight.shape[1], len(weight), _plane(weight.shape), _plane(conv.stride), _plane(conv.padding))
    plane.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
    plane.bias = conv.bias
    return plane


def _plane(size: Any) -> tuple[int, int]:
    """Returns height and width of a size that may have a time before them."""
    return (size, size) if isinstance(size, int) else (size[-2], size[-1])


def load(file: Path) -> SyncNet:
    """Loads a checkpoint in the format of `syncnet_v2.model`.

    Raises:
        Unavailable: the file holds something else.
    """
    state = checkpoint.tensors(file)
    try:
        net = SyncNet(_channels(state, "netcnnaud"), _channels(state, "netcnnlip"), *_widths(state))
    except KeyError as error:
        raise Unavailable(f"weights unreadable: expected {error} in {file}") from error
    checkpoint.load_weights(net, state, file)
    return net


def _channels(state: Mapping[str, Tensor], tower: str) -> list[int]:
    return [len(state[f"{tower}.{layer}.weight"]) for layer in CONVOLUTIONS]


def _widths(state: Mapping[str, Tensor]) -> tuple[int, int]:
    return len(state["netfclip.0.weight"]), len(state["netfclip.3.weight"])
