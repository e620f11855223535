"""AMT-S, frame interpolation: the picture in the middle of two (Li et al. 2023, arXiv 2304.09790).

Our own reading of the paper and of MCG-NKU/AMT @ 70f988f (networks/AMT-S.py), whose checkpoints it takes: names and
shapes of amt-s.pth. Flows from the middle to both pictures are found from coarse to fine; at each of the three coarser
sizes they are corrected by the correlation of the pictures' features around where they point, and at the finest one
there are three of each, whose pictures are mixed.

Letters: B pairs, H, W pixels (multiples of 16, at least 128), h, w cells of a coarser size, C channels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks.raft import LEVELS, Correlation, grid

PYRAMID = (20, 32, 44, 56)
"""Channels at a half of the picture's size, a quarter, an eighth and a sixteenth."""
SIDE_CHANNELS = 20
"""Last channels of a decoder, which convolutions of their own go over in between."""
FLOWS = 3
"""Flows to each picture at the finest size."""
RADIUS = 3
"""Cells around the place to which a flow points that the network reads, at each of the correlation's sizes."""


class Amt(nn.Module):
    """The small network, in the middle of the interval."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = PYRAMID
        self.feat_encoder = Matcher(84)
        self.encoder = Pyramid()
        self.decoder4 = Decoder(2 * fourth + 1, 2 * fourth, 4 + third)
        self.decoder3 = Decoder(3 * third + 4, 3 * third, 4 + second)
        self.decoder2 = Decoder(3 * second + 4, 3 * second, 4 + first)
        self.decoder1 = Decoder(3 * first + 4, 3 * first, 8 * FLOWS)
        self.update4, self.update3, self.update2 = Update(third), Update(second), Update(first)
        self.comb_block = nn.Sequential(
            nn.Conv2d(3 * FLOWS, 6 * FLOWS, 3, padding=1), nn.PReLU(6 * FLOWS), nn.Conv2d(6 * FLOWS, 3, 3, padding=1)
        )

    def between(self, before: Tensor, after: Tensor) -> Tensor:
        """Draws the pictures in the middle of (B, 3, H, W) pictures in 0 .. 1: (B, 3, H, W) in 0 .. 1."""
        level = torch.cat([before, after], dim=2).mean(dim=(1, 2, 3), keepdim=True)
        pair = before - level, after - level
        features = self.feat_encoder(torch.cat(pair)).chunk(2)
        around = _both_ways(*features)
        seen = list(zip(self.encoder(pair[0]), self.encoder(pair[1]), strict=True))

        halfway = torch.full_like(seen[3][0][:, :1], 0.5)
        flows, state = _split(self.decoder4(*seen[3], halfway))
        flows, state = _corrected(self.update4, flows, state, around, 1)
        for decoder, update, size, finer in ((self.decoder3, self.update3, 2, 2), (self.decoder2, self.update2, 1, 4)):
            change, state = _split(decoder(state, *_warped(seen[size], flows), flows))
            flows, state = _corrected(update, change + _finer(flows), state, around, finer)

        # Of each picture, all flows stand together.
        changes, choice, residue = self.decoder1(state, *_warped(seen[0], flows), flows).split(
            [4 * FLOWS, FLOWS, 3 * FLOWS], dim=1
        )
        towards = [
            change + _finer(flow).repeat(1, FLOWS, 1, 1)
            for change, flow in zip(changes.chunk(2, dim=1), flows.chunk(2, dim=1), strict=True)
        ]
        return self._mixed(pair, towards, choice.sigmoid(), residue, level)

    def _mixed(
        self, pair: tuple[Tensor, Tensor], towards: list[Tensor], choice: Tensor, residue: Tensor, level: Tensor
    ) -> Tensor:
        """Mixes what both pictures give by each of the flows; 0 .. 1."""
        count, _, height, width = residue.shape
        drawn = []
        for k in range(FLOWS):
            from_before, from_after = (
                _warp(picture, flow[:, 2 * k : 2 * k + 2]) for picture, flow in zip(pair, towards, strict=True)
            )
            share = choice[:, k : k + 1]
            drawn.append(share * from_before + (1 - share) * from_after + level + residue[:, 3 * k : 3 * k + 3])
        stacked = torch.stack(drawn, dim=1)
        return (stacked.mean(dim=1) + self.comb_block(stacked.reshape(count, -1, height, width))).clamp(0, 1)


Around = Callable[[Tensor], Tensor]
"""Reads the correlation where (B, 4, h, w) flows of an eighth of the picture's size point."""


def _both_ways(before: Tensor, after: Tensor) -> Around:
    """Correlates features of both pictures, (B, C, h, w), and returns how it is read."""
    forward, backward = Correlation(before, after, RADIUS), Correlation(after, before, RADIUS)
    here = grid(before)

    def around(flows: Tensor) -> Tensor:
        # From the middle to a picture is half of the way from one picture to the other.
        to_before, to_after = flows.chunk(2, dim=1)
        return torch.cat([forward.around(here + 2 * to_after), backward.around(here + 2 * to_before)], dim=1)

    return around


def _corrected(update: Update, flows: Tensor, state: Tensor, around: Around, finer: int) -> tuple[Tensor, Tensor]:
    """Corrects flows and state of a size that is `finer` times that of the correlation."""
    coarse = _resized(flows, 1 / finer) / finer
    change, changed = update(_resized(state, 1 / finer), coarse, around(coarse))
    return flows + finer * _resized(change, finer), state + _resized(changed, finer)


def _split(decoded: Tensor) -> tuple[Tensor, Tensor]:
    """Splits what a decoder gives into flows to both pictures, (B, 4, h, w), and the state."""
    return decoded[:, :4], decoded[:, 4:]


def _finer(flow: Tensor) -> Tensor:
    """Returns a flow at twice the size, in its cells."""
    return 2 * _resized(flow, 2)


def _resized(maps: Tensor, scale: float) -> Tensor:
    """Scales (B, C, h, w) maps, without a low pass."""
    return maps if scale == 1 else F.interpolate(maps, scale_factor=scale, mode="bilinear", align_corners=False)


def _warped(seen: tuple[Tensor, Tensor], flows: Tensor) -> list[Tensor]:
    """Brings both pictures' features to the middle."""
    return [_warp(features, flow) for features, flow in zip(seen, flows.chunk(2, dim=1), strict=True)]


def _warp(maps: Tensor, flow: Tensor) -> Tensor:
    """Reads (B, C, h, w) maps where a (B, 2, h, w) flow points, bilinearly; beyond the edges, at the edges."""
    height, width = maps.shape[2:]
    across, down = (torch.linspace(-1, 1, side, device=maps.device) for side in (width, height))
    columns = across + flow[:, 0] / ((width - 1) / 2)
    rows = down[:, None] + flow[:, 1] / ((height - 1) / 2)
    places = torch.stack([columns, rows], dim=-1)
    return F.grid_sample(maps, places, padding_mode="border", align_corners=True)


class Matcher(nn.Module):
    """A picture to the features that are correlated, at an eighth of its size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, stride=2, padding=3)
        self.layer1 = nn.Sequential(Bottleneck(32, 32, 1), Bottleneck(32, 32, 1))
        self.layer2 = nn.Sequential(Bottleneck(32, 64, 2), Bottleneck(64, 64, 1))
        self.layer3 = nn.Sequential(Bottleneck(64, 96, 2), Bottleneck(96, 96, 1))
        self.conv2 = nn.Conv2d(96, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, 3, H, W) to (B, channels, H / 8, W / 8)."""
        x = F.relu(F.instance_norm(self.conv1(x)))
        features: Tensor = self.conv2(self.layer3(self.layer2(self.layer1(x))))
        return features


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after // 4, 1)
        self.conv2 = nn.Conv2d(after // 4, after // 4, 3, stride=stride, padding=1)
        self.conv3 = nn.Conv2d(after // 4, after, 1)
        self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride)) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, before, h, w) to (B, after, h / stride, w / stride)."""
        y = x
        for layer in (self.conv1, self.conv2, self.conv3):
            y = F.relu(F.instance_norm(layer(y)))
        return F.relu(y + (x if self.downsample is None else F.instance_norm(self.downsample(x))))


class Pyramid(nn.Module):
    """A picture to features at four sizes, each half of the one before."""

    def __init__(self) -> None:
        super().__init__()
        for level, (before, after) in enumerate(zip((3, *PYRAMID), PYRAMID, strict=False), start=1):
            self.add_module(f"pyramid{level}", nn.Sequential(_activated(before, after, 2), _activated(after, after)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps (B, 3, H, W) to features of a half, a quarter, an eighth and a sixteenth of the size."""
        found = []
        for layer in self.children():
            x = layer(x)
            found.append(x)
        return found


def _activated(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.PReLU(after))


class Decoder(nn.Module):
    """Features of both pictures to flows and a state, at twice their size."""

    def __init__(self, before: int, within: int, after: int) -> None:
        super().__init__()
        enlarge = nn.ConvTranspose2d(within, after, 4, stride=2, padding=1)
        self.convblock = nn.Sequential(_activated(before, within), PartlyTwice(within), enlarge)

    def forward(self, *maps: Tensor) -> Tensor:
        """Maps tensors of (B, C, h, w), `before` channels together, to (B, after, 2 h, 2 w)."""
        decoded: Tensor = self.convblock(torch.cat(maps, dim=1))
        return decoded


class PartlyTwice(nn.Module):
    """Convolutions beside a shortcut, between which the last channels have convolutions of their own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv3 = _activated(channels, channels), _activated(channels, channels)
        self.conv2, self.conv4 = (_activated(SIDE_CHANNELS, SIDE_CHANNELS) for _ in range(2))
        self.conv5 = nn.Conv2d(channels, channels, 3, padding=1)
        self.prelu = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, channels, h, w) to as many."""
        y = x
        for all_channels, last in ((self.conv1, self.conv2), (self.conv3, self.conv4)):
            y = all_channels(y)
            y = torch.cat([y[:, :-SIDE_CHANNELS], last(y[:, -SIDE_CHANNELS:])], dim=1)
        activated: Tensor = self.prelu(x + self.conv5(y))
        return activated


class Update(nn.Module):
    """Corrects flows and a state by the correlation around them, at an eighth of the picture's size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        read = 2 * LEVELS * (2 * RADIUS + 1) ** 2
        self.convc1 = nn.Conv2d(read, 64, 1)
        self.convf1 = nn.Conv2d(4, 40, 7, padding=3)
        self.convf2 = nn.Conv2d(40, 20, 3, padding=1)
        self.conv = nn.Conv2d(64 + 20, 68, 3, padding=1)
        self.gru = _leaky(68 + 4 + channels, 76)
        self.feat_head = _leaky(76, channels)
        self.flow_head = _leaky(76, 4)

    def forward(self, state: Tensor, flows: Tensor, correlation: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the changes of the (B, 4, h, w) flows, in cells, and of the (B, channels, h, w) state."""
        correlated = _bent(self.convc1(correlation))
        moved = _bent(self.convf2(_bent(self.convf1(flows))))
        both = _bent(self.conv(torch.cat([correlated, moved], dim=1)))
        found = self.gru(torch.cat([both, flows, state], dim=1))
        return self.flow_head(found), self.feat_head(found)


def _leaky(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, 76, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(76, after, 3, padding=1))


def _bent(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1)
