"""DINO's vision transformer, which keeps apart what is seen without ever having had labels (Caron et al. 2021).

Our own reading of arXiv 2104.14294 and facebookresearch/dino @ 7c446df (vision_transformer.py), whose checkpoints it
takes. Widths and depth are read from the checkpoint; all sizes of the family have heads of 64.

Letters: B pictures, N tokens, D width, h, w patches.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks.shaped import Shapes, linear

HEAD = 64
"""Width of a head."""
SIDE = 224
"""Pixels of the pictures that it was trained on."""


class Dino(nn.Module):
    """Pictures of any size to vectors."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds layers of the shapes of a checkpoint."""
        super().__init__()
        width, _, self.patch, _ = shapes["patch_embed.proj.weight"]
        depth = len({name.split(".")[1] for name in shapes if name.startswith("blocks.")})
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, self.patch, self.patch)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(shapes["pos_embed"]))
        self.blocks = nn.Sequential(*(Block(shapes, f"blocks.{k}.") for k in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, pictures: Tensor) -> Tensor:
        """Maps (B, 3, H, W) normalised pictures to the (B, D) vectors of the class token."""
        patches = self.patch_embed["proj"](pictures)  # (B, D, h, w); what does not fill a patch is cut off.
        tokens = torch.cat((self.cls_token.expand(len(patches), -1, -1), patches.flatten(2).transpose(1, 2)), dim=1)
        out: Tensor = self.norm(self.blocks(tokens + self._places(*patches.shape[2:])))[:, 0]
        return out

    def _places(self, rows: int, columns: int) -> Tensor:
        """Returns the (1, 1 + h w, D) positions, scaled from the grid of the training by a little more than fits it."""
        side = round((self.pos_embed.shape[1] - 1) ** 0.5)
        if rows == columns == side:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].transpose(1, 2).reshape(1, -1, side, side)
        # A tenth of a patch more, as upstream, which moves every position: not `size=(rows, columns)`.
        scale = ((rows + 0.1) / side, (columns + 0.1) / side)
        scaled = F.interpolate(grid, scale_factor=scale, mode="bicubic")
        return torch.cat((self.pos_embed[:, :1], scaled.flatten(2).transpose(1, 2)), dim=1)


class Block(nn.Module):
    """Attention and a two-layer network, each beside a shortcut."""

    def __init__(self, shapes: Shapes, prefix: str) -> None:
        super().__init__()
        width = shapes[f"{prefix}norm1.weight"][0]
        self.heads = width // HEAD
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = nn.ModuleDict({name: linear(shapes, f"{prefix}attn.{name}") for name in ("qkv", "proj")})
        self.mlp = nn.ModuleDict({name: linear(shapes, f"{prefix}mlp.{name}") for name in ("fc1", "fc2")})

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, N, D) to the same shape."""
        query, key, value = self.attn["qkv"](self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.attn["proj"](attended)
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))
