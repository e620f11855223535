"""The video encoder: Motionformer with divided attention over time and space (arXiv 2106.05392, 2102.05095).

It takes 16 frames as 8 slices of two, each slice as 14 x 14 patches; a layer attends first along time at one place,
then over space in one slice. A class token attends to everything, is attended by everything, and is dropped at the end.

Letters: B segments, T frames, F slices, P patches of a slice, D width, H heads, d = D / H.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.networks.synchformer.aggregate import Gather

HEADS = 12


class VideoEncoder(nn.Module):
    """Encodes frames: one vector per slice."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        """Builds layers of the sizes of a checkpoint's part."""
        super().__init__()
        width, _, deep, high, wide = state["patch_embed_3d.proj.weight"].shape
        patch = (deep, high, wide)
        self.patch_embed_3d = nn.ModuleDict({"proj": nn.Conv3d(3, width, patch, patch)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(state["pos_embed"].shape))  # (1, 1 + P, D)
        self.temp_embed = nn.Parameter(torch.zeros(state["temp_embed"].shape))  # (1, F, D)
        hidden = len(state["blocks.0.mlp.fc1.weight"])
        self.blocks = nn.ModuleList(Block(width, hidden) for _ in range(checkpoint.count(state, "blocks")))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.spatial_attn_agg = Gather(checkpoint.part(state, "spatial_attn_agg."), HEADS)

    def forward(self, frames: Tensor) -> Tensor:
        """Encodes segments.

        Args:
            frames: (B, 3, T, height, width) RGB in [-1, 1].

        Returns:
            (B, F, D).
        """
        patches = self.patch_embed_3d["proj"](frames).flatten(3).permute(0, 2, 3, 1)  # (B, F, P, D)
        segments, slices, places, width = patches.shape
        patches = patches + self.pos_embed[:, None, 1:] + self.temp_embed[:, :, None]
        whole = (self.cls_token + self.pos_embed[:, :1]).expand(segments, -1, -1)
        tokens = torch.cat((whole, patches.flatten(1, 2)), dim=1)  # (B, 1 + F P, D)
        for block in self.blocks:
            tokens = block(tokens, slices)
        patches = self.norm(tokens[:, 1:]).reshape(segments * slices, places, width)
        return self.spatial_attn_agg.gather(patches).reshape(segments, slices, width)


class Block(nn.Module):
    """Attention along time, attention over space, and a two-layer perceptron."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width, eps=1e-6) for _ in range(3))
        self.attn, self.timeattn = DividedAttention(width), DividedAttention(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, tokens: Tensor, slices: int) -> Tensor:
        """Maps (B, 1 + F P, D) to the same."""
        tokens = tokens + self.timeattn(self.norm3(tokens), slices, along_time=True)
        tokens = tokens + self.attn(self.norm1(tokens), slices, along_time=False)
        return tokens + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(tokens))))


class DividedAttention(nn.Module):
    """Every patch attends to the class token and to its own place at all times, or to its own slice."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, slices: int, along_time: bool) -> Tensor:
        """Maps (B, 1 + F P, D) to the same."""
        q, k, v = self.qkv(tokens).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)  # (B, H, 1 + F P, d) each
        whole = F.scaled_dot_product_attention(q[:, :, :1], k, v)  # (B, H, 1, d)
        queries, keys, values = (_grouped(x, slices, along_time) for x in (q, k, v))
        groups = queries.shape[2]
        keys, values = (
            torch.cat((x[:, :, None, :1].expand(-1, -1, groups, -1, -1), grouped), dim=3)
            for x, grouped in ((k, keys), (v, values))
        )
        attended = F.scaled_dot_product_attention(queries, keys, values)  # as `queries`
        attended = attended.transpose(2, 3) if along_time else attended  # (B, H, F, P, d)
        joined = torch.cat((whole, attended.flatten(2, 3)), dim=2)
        return self.proj(joined.transpose(1, 2).flatten(2))


def _grouped(x: Tensor, slices: int, along_time: bool) -> Tensor:
    """Groups (B, H, 1 + F P, d) without the class token: (B, H, P, F, d) along time, (B, H, F, P, d) over space."""
    x = x[:, :, 1:].reshape(*x.shape[:2], slices, -1, x.shape[3])
    return x.transpose(2, 3) if along_time else x
