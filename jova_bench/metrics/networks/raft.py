"""RAFT, optical flow: where each pixel of one frame is in the next (Teed and Deng 2020, arXiv 2003.12039).

Our own reading of the paper and of princeton-vl/RAFT @ 2888e15 (core/), whose checkpoints it takes: the large
network, with the names and shapes of raft-things.pth. One thing is arranged otherwise: `encode` encodes a frame once,
and `flow` compares two encoded ones, because the frames of a clip are each the first of one pair and the second
of another.

Letters: B pictures, H, W pixels (multiples of 8, at least 128), h = H / 8, w = W / 8, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 8
"""Flow is found on a grid this much coarser than the picture, and brought back by a learned mixture."""
LEVELS = 4
"""Each level of the correlation halves the one before."""
RADIUS = 4
"""Cells around a pixel's estimated place that the network reads, at each level."""
MIN_SIDE = 2 * STRIDE * 2 ** (LEVELS - 1)
"""Pixels: of a smaller picture the coarsest level has one cell, and sampling it divides by zero."""
HIDDEN = 128
"""Channels of the recurrent state, and as many of the context."""


class Encoded(NamedTuple):
    """Features of encoded frames."""

    features: Tensor
    """(B, C, h, w), for the correlation."""
    context: Tensor
    """(B, 2 HIDDEN, h, w), for the first picture of a pair."""


class Raft(nn.Module):
    """The large network."""

    def __init__(self) -> None:
        super().__init__()
        self.fnet = Encoder(256, nn.InstanceNorm2d)
        self.cnet = Encoder(2 * HIDDEN, nn.BatchNorm2d)
        self.update_block = Update()

    def encode(self, pictures: Tensor) -> Encoded:
        """Encodes (B, 3, H, W) frames in 0 .. 255."""
        scaled = 2 * (pictures / 255) - 1
        return Encoded(self.fnet(scaled), self.cnet(scaled))

    def flow(self, first: Encoded, second: Encoded, iterations: int) -> Tensor:
        """Estimates where the pixels of the first frames went.

        Returns:
            (B, 2, H, W) pixels to the right and down.
        """
        correlation = Correlation(first.features, second.features)
        state, context = first.context[:, :HIDDEN].tanh(), first.context[:, HIDDEN:].relu()
        start = grid(first.features)
        here = start
        for _ in range(iterations):
            state, step = self.update_block(state, context, correlation.around(here), here - start)
            here = here + step
        return _enlarged(here - start, self.update_block.mask(state) / 4)


class Encoder(nn.Module):
    """A picture to features at an eighth of its size."""

    def __init__(self, channels: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.norm1 = norm(64)
        self.layer1 = nn.Sequential(Residual(64, 64, 1, norm), Residual(64, 64, 1, norm))
        self.layer2 = nn.Sequential(Residual(64, 96, 2, norm), Residual(96, 96, 1, norm))
        self.layer3 = nn.Sequential(Residual(96, 128, 2, norm), Residual(128, 128, 1, norm))
        self.conv2 = nn.Conv2d(128, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, 3, H, W) to (B, channels, h, w)."""
        x = F.relu(self.norm1(self.conv1(x)))
        features: Tensor = self.conv2(self.layer3(self.layer2(self.layer1(x))))
        return features


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, stride: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.norm1 = norm(after)
        self.norm2 = norm(after)
        self.downsample: nn.Sequential | None = None
        if stride > 1:
            # One module under two names, as in the checkpoints.
            self.norm3 = norm(after)
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride), self.norm3)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, before, H, W) to (B, after, H / stride, W / stride)."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Correlation:
    """Correlation of all cells of the first frame with all cells of the second, at four sizes of the second."""

    def __init__(self, first: Tensor, second: Tensor, radius: int = RADIUS) -> None:
        self._radius = radius
        count, channels, height, width = first.shape
        alike = torch.einsum("bcn,bcm->bnm", first.flatten(2), second.flatten(2)) / channels**0.5
        self.levels = [alike.reshape(count * height * width, 1, height, width)]
        for _ in range(LEVELS - 1):
            self.levels.append(F.avg_pool2d(self.levels[-1], 2))

    def around(self, places: Tensor) -> Tensor:
        """Reads every level around (B, 2, h, w) places: (B, LEVELS (2 radius + 1)^2, h, w)."""
        count, _, height, width = places.shape
        centres = places.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
        reach = torch.arange(-self._radius, self._radius + 1, dtype=places.dtype, device=places.device)
        # The first axis of the window moves to the right and the second down: so the checkpoints were trained.
        window = torch.stack(torch.meshgrid(reach, reach, indexing="ij"), dim=-1)
        found = [_sampled(level, centres / 2**k + window) for k, level in enumerate(self.levels)]
        return torch.cat(found, dim=-1).reshape(count, height, width, -1).permute(0, 3, 1, 2)


def _sampled(maps: Tensor, places: Tensor) -> Tensor:
    """Interpolates (n, 1, h, w) maps at (n, r, r, 2) places in cells, bilinearly, 0 outside: (n, r r)."""
    height, width = maps.shape[-2:]
    scale = places.new_tensor([width - 1, height - 1])
    return F.grid_sample(maps, 2 * places / scale - 1, align_corners=True).flatten(1)


class Update(nn.Module):
    """One step of the recurrent network: refines the flow by the correlation around it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = MotionEncoder()
        self.gru = SeparableGru()
        self.flow_head = FlowHead()
        self.mask = nn.Sequential(
            nn.Conv2d(HIDDEN, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, STRIDE * STRIDE * 9, 1)
        )

    def forward(self, state: Tensor, context: Tensor, correlation: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the new (B, HIDDEN, h, w) state and the (B, 2, h, w) change of the flow, in cells."""
        state = self.gru(state, torch.cat([context, self.encoder(flow, correlation)], dim=1))
        return state, self.flow_head(state)


class MotionEncoder(nn.Module):
    """Flow and correlation to features of motion."""

    def __init__(self) -> None:
        super().__init__()
        self.convc1 = nn.Conv2d(LEVELS * (2 * RADIUS + 1) ** 2, 256, 1)
        self.convc2 = nn.Conv2d(256, 192, 3, padding=1)
        self.convf1 = nn.Conv2d(2, 128, 7, padding=3)
        self.convf2 = nn.Conv2d(128, 64, 3, padding=1)
        self.conv = nn.Conv2d(64 + 192, 128 - 2, 3, padding=1)

    def forward(self, flow: Tensor, correlation: Tensor) -> Tensor:
        """Maps (B, 2, h, w) and the correlation around it to (B, 128, h, w), of which the last two are the flow."""
        correlated = F.relu(self.convc2(F.relu(self.convc1(correlation))))
        moved = F.relu(self.convf2(F.relu(self.convf1(flow))))
        return torch.cat([F.relu(self.conv(torch.cat([correlated, moved], dim=1))), flow], dim=1)


class SeparableGru(nn.Module):
    """A gated recurrent unit along the rows, then one along the columns."""

    def __init__(self) -> None:
        super().__init__()
        channels = HIDDEN + HIDDEN + 128
        for suffix, kernel, padding in (("1", (1, 5), (0, 2)), ("2", (5, 1), (2, 0))):
            for gate in "zrq":
                self.add_module(f"conv{gate}{suffix}", nn.Conv2d(channels, HIDDEN, kernel, padding=padding))

    def forward(self, state: Tensor, x: Tensor) -> Tensor:
        """Returns the next (B, HIDDEN, h, w) state after (B, HIDDEN + 128, h, w) of input."""
        for suffix in "12":
            update, reset, candidate = (self.get_submodule(f"conv{gate}{suffix}") for gate in "zrq")
            both = torch.cat([state, x], dim=1)
            keep = update(both).sigmoid()
            fresh = candidate(torch.cat([reset(both).sigmoid() * state, x], dim=1)).tanh()
            state = (1 - keep) * state + keep * fresh
        return state


class FlowHead(nn.Module):
    """State to a change of the flow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(HIDDEN, 256, 3, padding=1)
        self.conv2 = nn.Conv2d(256, 2, 3, padding=1)

    def forward(self, state: Tensor) -> Tensor:
        """Maps (B, HIDDEN, h, w) to (B, 2, h, w)."""
        change: Tensor = self.conv2(F.relu(self.conv1(state)))
        return change


def grid(like: Tensor) -> Tensor:
    """Returns the (B, 2, h, w) places of the cells: column, row."""
    count, _, height, width = like.shape
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=like.dtype, device=like.device),
        torch.arange(width, dtype=like.dtype, device=like.device),
        indexing="ij",
    )
    return torch.stack([columns, rows]).expand(count, -1, -1, -1)


def _enlarged(flow: Tensor, weights: Tensor) -> Tensor:
    """Enlarges (B, 2, h, w) in cells to (B, 2, H, W) in pixels: each pixel a mixture of the 9 cells around its own."""
    count, _, height, width = flow.shape
    mixture = weights.reshape(count, 1, 9, STRIDE, STRIDE, height, width).softmax(dim=2)
    cells = F.unfold(STRIDE * flow, 3, padding=1).reshape(count, 2, 9, 1, 1, height, width)
    pixels = (mixture * cells).sum(dim=2)  # (B, 2, STRIDE, STRIDE, h, w)
    return pixels.permute(0, 1, 4, 2, 5, 3).reshape(count, 2, STRIDE * height, STRIDE * width)


def state_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Removes the prefix that training on several devices left on every name of the published state."""
    return {name.removeprefix("module."): value for name, value in tensors.items()}
