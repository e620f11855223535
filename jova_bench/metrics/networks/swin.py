"""Swin (Liu et al. 2021, arXiv 2103.14030): attention within windows, and in every second block within shifted ones.

Names of weights are those of microsoft/Swin-Transformer. MANIQA uses the blocks alone, TOPIQ and FaceXFormer all of it.

Letters: B pictures, P = grid^2 patches, w patches per side of a window, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks.shaped import Shapes


class Swin(nn.Module):
    """Square pictures to the features of each stage."""

    def __init__(self, shapes: Shapes, side: int) -> None:
        """Builds stages of the shapes of a checkpoint, for pictures of `side` pixels."""
        super().__init__()
        width, _, patch, _ = shapes["patch_embed.proj.weight"]
        proj = nn.Conv2d(3, width, patch, stride=patch)
        self.patch_embed = nn.ModuleDict({"proj": proj, "norm": nn.LayerNorm(width)})
        count = len({name.split(".")[1] for name in shapes if name.startswith("layers.")})
        self.layers = nn.ModuleList(Stage(shapes, k, width * 2**k, side // patch // 2**k) for k in range(count))

    def forward(self, pictures: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Maps (B, 3, side, side) to what enters each stage and what leaves it, each (B, C, grid, grid)."""
        x = self.patch_embed["proj"](pictures).flatten(2).transpose(1, 2)
        x = self.patch_embed["norm"](x)
        entering, leaving = [], []
        for layer in self.layers:
            entering.append(_map(x))
            last, x = layer(x)
            leaving.append(_map(last))
        return entering, leaving


class Stage(nn.Module):
    """Blocks, and what merges patches for the next stage, if there is one."""

    def __init__(self, shapes: Shapes, k: int, width: int, grid: int) -> None:
        super().__init__()
        prefix, self.blocks = f"layers.{k}.", nn.ModuleList()
        for j in range(len({name.split(".")[3] for name in shapes if name.startswith(f"{prefix}blocks.")})):
            biases, heads = shapes[f"{prefix}blocks.{j}.attn.relative_position_bias_table"]
            window = (round(biases**0.5) + 1) // 2
            inner = shapes[f"{prefix}blocks.{j}.mlp.fc1.weight"][0]
            self.blocks.append(
                WindowBlock(width, inner, heads, window, grid, window // 2 if j % 2 and grid > window else 0)
            )
        merges = f"{prefix}downsample.reduction.weight" in shapes
        self.downsample = Merging(width, grid) if merges else nn.Identity()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, P, width) to the same, and to what enters the next stage."""
        for block in self.blocks:
            x = block(x)
        return x, self.downsample(x)


def _map(x: Tensor) -> Tensor:
    """Maps (B, P, C) to (B, C, grid, grid)."""
    grid = round(x.shape[1] ** 0.5)
    return x.transpose(1, 2).reshape(len(x), -1, grid, grid)


class Merging(nn.Module):
    """Joins 2 x 2 patches to one of twice the width."""

    def __init__(self, width: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, P, width) to (B, P / 4, 2 width)."""
        x = x.reshape(len(x), self.grid // 2, 2, self.grid // 2, 2, -1)
        out: Tensor = self.reduction(self.norm(x.permute(0, 1, 3, 4, 2, 5).flatten(3).flatten(1, 2)))
        return out


class WindowBlock(nn.Module):
    """Attention within windows of w x w patches and a two-layer network, each beside a shortcut."""

    def __init__(self, width: int, inner: int, heads: int, window: int, grid: int, shift: int) -> None:
        super().__init__()
        self.window, self.grid, self.shift = window, grid, shift
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window, _apart(window, grid, shift))
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, P, width) to the same shape."""
        x = x + self._unwindowed(self.attn(self._windowed(self.norm1(x))), len(x))
        return x + self.mlp(self.norm2(x))

    def _windowed(self, x: Tensor) -> Tensor:
        """Maps (B, P, width) to (B windows, w^2, width), after moving the patches up and left by the shift."""
        x = x.reshape(len(x), self.grid, self.grid, -1)
        return _cut(x.roll((-self.shift, -self.shift), dims=(1, 2)), self.window)

    def _unwindowed(self, windows: Tensor, count: int) -> Tensor:
        """Inverts `_windowed`."""
        n = self.grid // self.window
        x = windows.reshape(count, n, n, self.window, self.window, -1).permute(0, 1, 3, 2, 4, 5)
        x = x.reshape(count, self.grid, self.grid, -1).roll((self.shift, self.shift), dims=(1, 2))
        return x.flatten(1, 2)


class WindowAttention(nn.Module):
    """Attention within a window, with a learned bias by relative position."""

    offsets: Tensor
    apart: Tensor

    def __init__(self, width: int, heads: int, window: int, apart: Tensor) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        self.register_buffer("offsets", _offsets(window), persistent=False)
        self.register_buffer("apart", apart, persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Maps (B windows, w^2, width) to the same shape."""
        query, key, value = by_head(self.qkv(windows), self.heads)
        bias = self.relative_position_bias_table[self.offsets].permute(2, 0, 1)  # (heads, w^2, w^2)
        bias = bias + self.apart.repeat(len(windows) // len(self.apart), 1, 1)[:, None]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        out: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return out


class Mlp(nn.Module):
    """Two layers."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (..., width) to the same shape."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


def by_head(joined: Tensor, heads: int) -> Tensor:
    """Splits (B, n, 3 D) into queries, keys and values: (3, B, heads, n, D / heads)."""
    return joined.reshape(*joined.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4)


def _cut(x: Tensor, window: int) -> Tensor:
    """Maps (B, grid, grid, C) to (B windows, w^2, C)."""
    count, grid, _, width = x.shape
    n = grid // window
    x = x.reshape(count, n, window, n, window, width).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, window * window, width)


def _offsets(window: int) -> Tensor:
    """Returns the (w^2, w^2) rows of the bias table, one for each pair of places in a window."""
    places = torch.cartesian_prod(torch.arange(window), torch.arange(window))
    rows, columns = (places[:, None] - places[None] + window - 1).unbind(dim=-1)
    return rows * (2 * window - 1) + columns


def _apart(window: int, grid: int, shift: int) -> Tensor:
    """Returns (windows, w^2, w^2): -100 for pairs that are neighbours only because the shift wrapped around, else 0."""
    region = torch.zeros(grid)
    if shift:
        region[-window:-shift] = 1
        region[-shift:] = 2
    regions = _cut((3 * region[:, None] + region[None]).reshape(1, grid, grid, 1), window)[..., 0]
    return -100.0 * (regions[:, :, None] != regions[:, None]).float()
