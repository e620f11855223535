"""NISQA v2, which predicts listeners' ratings of speech quality (Mittag et al. 2021, arXiv 2104.09494).

Our own reading of gabrielmittag/NISQA @ fe84f0f (nisqa/NISQA_lib.py, model NISQA_DIM), whose checkpoint nisqa.tar it
takes. Upstream fills every sound up to 52 s and masks what it filled; here nothing is filled, which changes nothing.

Letters: n windows of sound.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BANDS, WINDOW = 48, 15
"""Size of a window: mel bands, and frames of 10 ms."""
WIDTH = 64
POOLED = ((24, 7), (12, 5), (6, 3))
"""Bands and frames after each of the three poolings."""
SCORES = ("mos", "noisiness", "discontinuity", "coloration", "loudness")
"""Scores, in the order of the network's outputs."""


class Nisqa(nn.Module):
    """Rates windows of audio: five scores of 1 to 5."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.ModuleDict({"model": WindowNet()})
        self.time_dependency = nn.ModuleDict({"model": OverTime()})
        self.pool_layers = nn.ModuleList(nn.ModuleDict({"model": Pooled()}) for _ in SCORES)

    def forward(self, windows: Tensor) -> Tensor:
        """Maps (n, 48, 15) decibels to (5,)."""
        x = self.time_dependency["model"](self.cnn["model"](windows[:, None]))
        return torch.cat([cast(nn.ModuleDict, pool)["model"](x) for pool in self.pool_layers])


class WindowNet(nn.Module):
    """Six convolutions over bands and frames."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 64, 64, 64, 64)
        for k in range(1, 7):
            # The last one spans the three frames that are left.
            padding = (1, 0) if k == 6 else (1, 1)
            self.add_module(f"conv{k}", nn.Conv2d(widths[k - 1], widths[k], 3, padding=padding))
            self.add_module(f"bn{k}", nn.BatchNorm2d(widths[k]))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, 1, 48, 15) to (n, 384)."""
        x = F.adaptive_max_pool2d(self._layer(1, x), POOLED[0])
        x = F.adaptive_max_pool2d(self._layer(2, x), POOLED[1])
        x = F.adaptive_max_pool2d(self._layer(4, self._layer(3, x)), POOLED[2])
        return self._layer(6, self._layer(5, x)).flatten(1)

    def _layer(self, k: int, x: Tensor) -> Tensor:
        return F.relu(self.get_submodule(f"bn{k}")(self.get_submodule(f"conv{k}")(x)))


class OverTime(nn.Module):
    """Attention of every window to every window, twice."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(384, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, 384) to (n, 64)."""
        x = self.norm1(self.linear(x))
        for layer in self.layers:
            x = layer(x)
        return x


class Layer(nn.Module):
    """Attention and a two-layer network, each beside a shortcut and before a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(WIDTH, 1)
        self.linear1 = nn.Linear(WIDTH, WIDTH)
        self.linear2 = nn.Linear(WIDTH, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, 64) to the same shape."""
        x = self.norm1(x + self.self_attn(x, x, x, need_weights=False)[0])
        out: Tensor = self.norm2(x + self.linear2(F.relu(self.linear1(x))))
        return out


class Pooled(nn.Module):
    """A mean over windows, weighted by how much each matters, to one score."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(WIDTH, 2 * WIDTH)
        self.linear2 = nn.Linear(2 * WIDTH, 1)
        self.linear3 = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, 64) to (1,)."""
        weights = self.linear2(F.relu(self.linear1(x))).softmax(dim=0)
        score: Tensor = self.linear3((weights * x).sum(dim=0))
        return score
