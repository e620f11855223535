"""TOPIQ, which predicts people's ratings of a picture (Chen et al. 2023, arXiv 2308.03060): its form without reference.

Features of a ResNet or a Swin, from coarse to fine, each weighted by a gate and attending to itself; the coarse ones
ask the finer ones in turn. Our own reading of the paper and of pyiqa 0.1.13 (archs/topiq_arch.py, `CFANet`), whose
checkpoints it takes.

Letters: B pictures, n = h w cells of the coarsest features, D width of the attention.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks.checkpoint import part
from jova_bench.metrics.networks.resnet import ResNet
from jova_bench.metrics.networks.shaped import Shapes
from jova_bench.metrics.networks.swin import Swin

SIDE = 384
"""Pixels of the squares that Swin sees."""
PER_HEAD = 64
GATE = 64
"""Channels of a gate."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Topiq(nn.Module):
    """Pictures to ratings: of one number, about 0 to 1; of votes for 1 to k, their mean."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds layers of the shapes of a checkpoint."""
        super().__init__()
        inside = part(shapes, "semantic_model.")
        self.semantic_model = ResNet(inside) if "conv1.weight" in inside else Swin(inside, SIDE)
        self.levels = len({name.split(".")[1] for name in shapes if name.startswith("dim_reduce.")})
        channels = [shapes[f"dim_reduce.{k}.0.weight"][1] for k in range(self.levels)]
        width, inner = shapes["dim_reduce.0.0.weight"][0], shapes["attn_pool.linear1.weight"][0]
        self.weight_pool = nn.ModuleList(Gate(count) for count in channels)
        self.dim_reduce = nn.ModuleList(nn.Sequential(nn.Conv2d(count, width, 1), nn.GELU()) for count in channels)
        self.sa_attn_blks = nn.ModuleList(Only(OfItself(width, inner)) for _ in channels)
        self.attn_blks = nn.ModuleList(Only(OfFiner(width, inner)) for _ in channels[1:])
        self.attn_pool = OfItself(width, inner)
        self.score_linear = nn.Sequential(
            *(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU()),
            *(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU()),
            nn.Linear(width, shapes["score_linear.6.weight"][0]),
        )
        self.h_emb = nn.Parameter(torch.empty(shapes["h_emb"]))
        self.w_emb = nn.Parameter(torch.empty(shapes["w_emb"]))

    def forward(self, pictures: Tensor) -> Tensor:
        """Maps (B, 3, H, W) in 0 .. 1 to (B,)."""
        features = self._features(pictures)
        cells = [self._cells(k, features) for k in reversed(range(self.levels))]
        query = cells[0]
        for attend, finer in zip(self.attn_blks, cells[1:], strict=True):
            query = attend(query, finer)
        votes = self.score_linear(self.attn_pool(query).mean(dim=0))
        if votes.shape[1] > 1:
            votes = votes.softmax(dim=1)
        return (votes * torch.arange(1, 1 + votes.shape[1], device=votes.device)).sum(dim=1)

    def _features(self, pictures: Tensor) -> list[Tensor]:
        """Returns (B, C, h, w) features, from fine to coarse."""
        mean, deviation = (torch.tensor(one, device=pictures.device)[:, None, None] for one in (MEAN, DEVIATION))
        if isinstance(self.semantic_model, ResNet):
            found: list[Tensor] = self.semantic_model((pictures - mean) / deviation)
            return found
        # Low-passed after bytes have become floats, which is torchvision's way with tensors.
        pictures = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", antialias=True)
        entering, leaving = self.semantic_model((pictures - mean) / deviation)
        return [*entering[1:], leaving[-1]]

    def _cells(self, k: int, features: list[Tensor]) -> Tensor:
        """Maps features of level k to (n, B, D): gated, brought to the coarsest grid, with their places."""
        size = (features[-1].shape[2], features[-1].shape[3])
        x = F.adaptive_avg_pool2d(self.weight_pool[k](features[k]), size)
        rows, columns = self.h_emb.shape[2], self.w_emb.shape[3]
        places = torch.cat([self.h_emb.expand(-1, -1, -1, columns), self.w_emb.expand(-1, -1, rows, -1)], dim=1)
        x = self.dim_reduce[k](x) + F.interpolate(places, size, mode="bicubic")
        out: Tensor = self.sa_attn_blks[k](x.flatten(2).permute(2, 0, 1))
        return out


class Only(nn.Module):
    """A layer under the name that it has upstream, where there could be several."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([layer])

    def forward(self, *given: Tensor) -> Tensor:
        """Maps what the layer maps."""
        out: Tensor = self.layers[0](*given)
        return out


class Gate(nn.Module):
    """Half of the features, each cell weighted by what the other half says."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.splitconv = nn.Conv2d(channels, 2 * channels, 1)
        self.weight_blk = nn.Sequential(
            *(nn.Conv2d(channels, GATE, 1), nn.GELU()),
            *(nn.Conv2d(GATE, GATE, 3, padding=1), nn.GELU()),
            *(nn.Conv2d(GATE, 1, 3, padding=1), nn.Sigmoid()),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, h, w) to the same shape."""
        shown, asked = self.splitconv(x).chunk(2, dim=1)
        return F.gelu(shown) * self.weight_blk(asked)


class OfItself(nn.Module):
    """Attention to itself and a two-layer network, each beside a shortcut."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, width // PER_HEAD)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, B, D) to the same shape."""
        seen = self.norm1(x)
        x = x + self.self_attn(seen, seen, seen, need_weights=False)[0]
        out: Tensor = x + self.linear2(F.gelu(self.linear1(self.norm2(x))))
        return out


class OfFiner(nn.Module):
    """Attention to finer features and a two-layer network, each beside a shortcut."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, width // PER_HEAD)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))

    def forward(self, query: Tensor, finer: Tensor) -> Tensor:
        """Maps (n, B, D) and (n, B, D) to the same shape."""
        finer = self.norm2(finer)
        x = query + self.multihead_attn(self.norm1(query), finer, finer, need_weights=False)[0]
        out: Tensor = x + self.linear2(F.gelu(self.linear1(self.norm3(x))))
        return out
