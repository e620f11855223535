"""Inception I3D on RGB: 400 Kinetics logits of 16 frames, the space in which FVD is measured.

The network of Carreira and Zisserman (2017, arXiv 1705.07750) with the names and shapes of `i3d_pretrained_400.pt`,
the checkpoint that TATS, common_metrics_on_video_quality (fvd/videogpt/pytorch_i3d.py @5f75173), cd-fvd and
JavisBench share. All of them normalise with an epsilon of 1e-5 (TensorFlow's I3D: 1e-3), which is kept.

Letters: B clips, T frames, H x W pixels, C channels, K classes (400).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova_bench.metrics.networks.shaped import Shapes

SIDE, MIN_FRAMES = 224, 9
"""Pixels of a side; frames below which nothing is left to average over."""
Size = tuple[int, int, int]
"""Time, height, width."""

LAYERS: tuple[tuple[str, Size] | tuple[Size, Size], ...] = (
    ("Conv3d_1a_7x7", (2, 2, 2)),
    ((1, 3, 3), (1, 2, 2)),
    ("Conv3d_2b_1x1", (1, 1, 1)),
    ("Conv3d_2c_3x3", (1, 1, 1)),
    ((1, 3, 3), (1, 2, 2)),
    *((f"Mixed_3{letter}", (1, 1, 1)) for letter in "bc"),
    ((3, 3, 3), (2, 2, 2)),
    *((f"Mixed_4{letter}", (1, 1, 1)) for letter in "bcdef"),
    ((2, 2, 2), (2, 2, 2)),
    *((f"Mixed_5{letter}", (1, 1, 1)) for letter in "bc"),
)
"""Named layers with their strides, and between them the windows and strides of max pooling."""
BRANCHES = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")


class I3D(nn.Module):
    """(B, 3, T, H, W) in [-1, 1] -> (B, K) logits."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds the layers.

        Args:
            shapes: of the checkpoint, by name; every width is read from them.
        """
        super().__init__()
        for name, stride in LAYERS:
            if isinstance(name, str):
                self.add_module(name, Mixed(shapes, name) if name.startswith("Mixed") else Unit(shapes, name, stride))
        self.logits = Unit(shapes, "logits", (1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, 3, T, H, W), at least 9 frames, to (B, K); 224 x 224 pixels leave one place to average over."""
        for what, stride in LAYERS:
            x = self.get_submodule(what)(x) if isinstance(what, str) else pool_same(x, what, stride)
        x = self.logits(F.avg_pool3d(x, (2, 7, 7), stride=1))  # (B, K, T', 1, 1)
        return x.squeeze(4).squeeze(3).mean(dim=2)


class Unit(nn.Module):
    """Convolution with TensorFlow's padding, batch normalisation and ReLU; the classifier has neither."""

    def __init__(self, shapes: Shapes, name: str, stride: Size) -> None:
        super().__init__()
        width, channels, *window = shapes[f"{name}.conv3d.weight"]
        self.window: Size = (window[0], window[1], window[2])
        self.stride = stride
        bias = f"{name}.conv3d.bias" in shapes
        self.conv3d = nn.Conv3d(channels, width, self.window, stride, bias=bias)
        self.bn = None if bias else nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, T, H, W) to (B, C', T', H', W'), each extent divided by its stride and rounded up."""
        x = self.conv3d(pad_same(x, self.window, self.stride))
        return x if self.bn is None else F.relu(self.bn(x), inplace=True)


class Mixed(nn.Module):
    """Four branches side by side: 1x1, 3x3, 3x3, and pooling."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        for branch in BRANCHES:
            self.add_module(branch, Unit(shapes, f"{name}.{branch}", (1, 1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Concatenates the branches' channels; extents stay."""
        b0, b1a, b1b, b2a, b2b, b3b = (self.get_submodule(branch) for branch in BRANCHES)
        pooled = pool_same(x, (3, 3, 3), (1, 1, 1))
        return torch.cat([b0(x), b1b(b1a(x)), b2b(b2a(x)), b3b(pooled)], dim=1)


def pad_same(x: Tensor, window: Size, stride: Size) -> Tensor:
    """Pads (B, C, T, H, W) so that every start k * stride has a whole window; an odd zero goes to the end."""
    padding: list[int] = []
    for size, side, step in zip(x.shape[:1:-1], window[::-1], stride[::-1], strict=True):
        total = max(side - (size % step or step), 0)
        padding += [total // 2, total - total // 2]
    return F.pad(x, padding)


def pool_same(x: Tensor, window: Size, stride: Size) -> Tensor:
    """Takes the maximum over windows; padding never wins, since all inputs come out of a ReLU."""
    return F.max_pool3d(pad_same(x, window, stride), window, stride)
