"""S3FD, the single shot scale-invariant face detector (Zhang et al. 2017, arXiv 1708.05237).

A VGG-16 whose feature maps at strides 4 to 128 each predict one box a cell. Names and shapes of the weights are those
of `sfd_face.pth`; the arithmetic is that of joonson/syncnet_python detectors/s3fd at 6efbb1c.

Letters: B images, A = sum of all cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint

STRIDES = (4, 8, 16, 32, 64, 128)
"""Pixels per cell; the prior box of a cell is a square of four times that."""
VARIANCES = (0.1, 0.2)
"""Units of the predicted offsets and log sizes."""
MEAN_BGR = (104.0, 117.0, 123.0)
"""Subtracted from the pixels: the training data's mean."""
MIN_SIDE = 28
"""A shorter side leaves nothing of the image at the deepest layers."""

_STAGES = (2, 2, 3, 3, 3)
"""Convolutions of the backbone between poolings; two more follow."""
_CEILED = 2
"""The pooling that keeps an odd last row, counted from 0."""
_TAPS = (16, 23, 30)
"""Layers of the backbone after which a feature map is read: conv3_3, conv4_3, conv5_3."""


class L2Norm(nn.Module):
    """Normalises the features of each cell to unit length, then scales each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, h, w) to the same."""
        norm = x.pow(2).sum(dim=1, keepdim=True).sqrt() + 1e-10
        return self.weight[:, None, None] * (x / norm)


def _backbone(widths: Sequence[int]) -> nn.ModuleList:
    layers: list[nn.Module] = []
    left = iter(pairwise((3, *widths)))
    for pool, convolutions in enumerate(_STAGES):
        for _ in range(convolutions):
            layers += [nn.Conv2d(*next(left), 3, padding=1), nn.ReLU(inplace=True)]
        layers.append(nn.MaxPool2d(2, 2, ceil_mode=pool == _CEILED))
    layers += [nn.Conv2d(*next(left), 3, padding=6, dilation=6), nn.ReLU(inplace=True)]
    layers += [nn.Conv2d(*next(left), 1), nn.ReLU(inplace=True)]
    return nn.ModuleList(layers)


class S3FD(nn.Module):
    """The network."""

    def __init__(self, vgg: Sequence[int], extras: Sequence[int]) -> None:
        """Builds the layers.

        Args:
            vgg: output channels of the backbone's 15 convolutions.
            extras: output channels of the four after it.
        """
        super().__init__()
        self.vgg = _backbone(vgg)
        self.L2Norm3_3, self.L2Norm4_3, self.L2Norm5_3 = L2Norm(vgg[6]), L2Norm(vgg[9]), L2Norm(vgg[12])
        self.extras = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1) if k % 2 else nn.Conv2d(before, after, 1)
            for k, (before, after) in enumerate(pairwise((vgg[-1], *extras)))
        )
        widths = (vgg[6], vgg[9], vgg[12], vgg[14], extras[1], extras[3])
        self.loc = nn.ModuleList(nn.Conv2d(width, 4, 3, padding=1) for width in widths)
        # The finest map tells three kinds of background from a face, the others one.
        self.conf = nn.ModuleList(nn.Conv2d(width, 4 if k == 0 else 2, 3, padding=1) for k, width in enumerate(widths))

    def features(self, images: Tensor) -> list[Tensor]:
        """Maps (B, 3, H, W) to six feature maps, finest first."""
        maps = []
        x = images
        norms = iter((self.L2Norm3_3, self.L2Norm4_3, self.L2Norm5_3))
        for k, layer in enumerate(self.vgg, start=1):
            x = layer(x)
            if k in _TAPS:
                maps.append(next(norms)(x))
        maps.append(x)
        for k, layer in enumerate(self.extras):
            x = F.relu(layer(x), inplace=True)
            if k % 2:
                maps.append(x)
        return maps

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Finds boxes and their scores.

        Args:
            images: (B, 3, H, W) pixels 0 to 255 less their mean.

        Returns:
            (B, A, 4) x0, y0, x1, y1 as fractions of the image, and (B, A) probabilities of a face.
        """
        offsets, scores, sizes = [], [], []
        for features, loc, conf in zip(self.features(images), self.loc, self.conf, strict=True):
            logits = conf(features)
            background = logits[:, :-1].amax(dim=1)  # Max-out: the likeliest kind of background competes.
            scores.append(torch.stack([background, logits[:, -1]], dim=-1).softmax(dim=-1)[..., 1].flatten(1))
            offsets.append(loc(features).permute(0, 2, 3, 1).flatten(1, 2))
            sizes.append((features.shape[2], features.shape[3]))
        height, width = images.shape[2:]
        cells = priors(height, width, tuple(sizes)).to(images)
        return decode(torch.cat(offsets, dim=1), cells), torch.cat(scores, dim=1)


@lru_cache(maxsize=8)
def priors(height: int, width: int, sizes: tuple[tuple[int, int], ...]) -> Tensor:
    """Returns (A, 4) centre and size of the prior box of each cell, as fractions of an image.

    Args:
        height: of the image, in pixels.
        width: of the image.
        sizes: rows and columns of each feature map.
    """
    boxes = []
    for stride, (rows, columns) in zip(STRIDES, sizes, strict=True):
        y, x = np.mgrid[:rows, :columns] + 0.5  # (rows, columns) each.
        side = np.full_like(x, 4.0)
        boxes.append(np.stack([x / width, y / height, side / width, side / height], axis=-1).reshape(-1, 4) * stride)
    return torch.from_numpy(np.concatenate(boxes)).float()


def decode(offsets: Tensor, cells: Tensor) -> Tensor:
    """Decodes (B, A, 4) offsets from (A, 4) priors to (B, A, 4) corners."""
    centre = cells[:, :2] + offsets[..., :2] * VARIANCES[0] * cells[:, 2:]
    size = cells[:, 2:] * torch.exp(offsets[..., 2:] * VARIANCES[1])
    low = centre - size / 2
    return torch.cat([low, low + size], dim=-1)


def load(path: Path) -> S3FD:
    """Loads the network of a checkpoint; its widths are read from it.

    Raises:
        Unavailable: the file is not one of S3FD.
    """
    state = checkpoint.tensors(path)
    vgg, extras = _widths(state, "vgg"), _widths(state, "extras")
    if (len(vgg), len(extras)) != (sum(_STAGES) + 2, 4):
        raise Unavailable(f"weights unreadable: {path} is no checkpoint of S3FD")
    net = S3FD(vgg, extras)
    checkpoint.load_weights(net, state, path)
    for weight in net.parameters():
        if weight.ndim == 4:  # A tenth faster on a CPU.
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return net


def _widths(state: Mapping[str, Tensor], part: str) -> list[int]:
    """Returns the output channels of the convolutions of a part, in order."""
    found = {int(name.split(".")[1]): len(value) for name, value in state.items() if name.startswith(f"{part}.")}
    return [found[k] for k in sorted(found)]
