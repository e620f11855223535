"""MANIQA, which predicts viewers' ratings of image quality (Yang et al. 2022, arXiv 2204.08958).

Our own reading of IIGROUP/MANIQA as Verse-Bench @ 5645a09 carries it (aesthetic/manica_utils), whose checkpoint
ckpt_koniq10k.pt it takes. What the published network computes and then throws away (the last two blocks of its vision
transformer, their norm and classifier) is left out.

Letters: B pictures, P = (224 / patch)^2 patches, D width of the vision transformer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks.shaped import Shapes
from jova_bench.metrics.networks.swin import Mlp, WindowBlock, by_head

SIDE = 224
"""Pixels of the square crops that the network sees."""
VIT_HEADS = 12
USED = (6, 7, 8, 9)
"""Blocks of the vision transformer whose outputs are read."""
SWIN_HEADS = 4
WINDOW = 4
"""Patches per side of an attention window."""
SHARE = 0.8
"""Share of a stage's output that is added to its input."""


class Maniqa(nn.Module):
    """Crops to scores, about 0 to 1."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds layers of the shapes of a checkpoint."""
        super().__init__()
        width, _, patch, _ = shapes["vit.patch_embed.proj.weight"]
        self.grid = SIDE // patch
        self.vit = VisionTransformer(width, shapes["vit.blocks.0.mlp.fc1.weight"][0], patch, self.grid)
        self.tablock1 = nn.ModuleList(ChannelAttention(self.grid**2) for _ in range(2))
        self.tablock2 = nn.ModuleList(ChannelAttention(self.grid**2) for _ in range(2))
        self.conv1 = nn.Conv2d(len(USED) * width, width, 1)
        self.conv2 = nn.Conv2d(width, width // 2, 1)
        inner = shapes["swintransformer1.layers.0.blocks.0.mlp.fc1.weight"][0]
        self.swintransformer1 = Swin(width, inner, self.grid)
        self.swintransformer2 = Swin(width // 2, inner, self.grid)
        self.fc_score = _head(width // 2, nn.ReLU())
        self.fc_weight = _head(width // 2, nn.Sigmoid())

    def forward(self, crops: Tensor) -> Tensor:
        """Maps (B, 3, 224, 224) in -1 .. 1 to (B,): the weighted mean over the patches."""
        x = self.vit(crops).transpose(1, 2)  # (B, 4 D, P)
        x = self._stage(x, self.tablock1, self.conv1, self.swintransformer1)
        x = self._stage(x, self.tablock2, self.conv2, self.swintransformer2)
        x = x.transpose(1, 2)
        score, weight = self.fc_score(x)[..., 0], self.fc_weight(x)[..., 0]
        return (score * weight).sum(dim=1) / weight.sum(dim=1)

    def _stage(self, x: Tensor, over_channels: nn.ModuleList, narrow: nn.Module, over_patches: nn.Module) -> Tensor:
        """Maps (B, C, P) to (B, C', P)."""
        for block in over_channels:
            x = block(x)
        x = narrow(x.reshape(*x.shape[:2], self.grid, self.grid)).flatten(2)
        mixed: Tensor = over_patches(x.transpose(1, 2))
        return mixed.transpose(1, 2)


def _head(width: int, last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Identity(), nn.Linear(width, 1), last)


class VisionTransformer(nn.Module):
    """ViT as timm has it, up to the last block that is read."""

    def __init__(self, width: int, inner: int, patch: int, grid: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + grid**2, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, stride=patch)})
        self.blocks = nn.ModuleList(Block(width, inner) for _ in range(max(USED) + 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Maps (B, 3, 224, 224) to (B, P, 4 D): the patches after each of the blocks that are read."""
        patches = self.patch_embed["proj"](pictures).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        after = []
        for block in self.blocks:
            x = block(x)
            after.append(x[:, 1:])
        return torch.cat([after[k] for k in USED], dim=2)


class Block(nn.Module):
    """Attention over all tokens and a two-layer network, each beside a shortcut."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, n, D) to the same shape."""
        query, key, value = by_head(self.attn["qkv"](self.norm1(x)), VIT_HEADS)
        attended = F.scaled_dot_product_attention(query, key, value)
        x = x + self.attn["proj"](attended.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


class ChannelAttention(nn.Module):
    """Attention of every channel to every channel, over the patches (the paper's transposed attention block)."""

    def __init__(self, patches: int) -> None:
        super().__init__()
        self.c_q = nn.Linear(patches, patches)
        self.c_k = nn.Linear(patches, patches)
        self.c_v = nn.Linear(patches, patches)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, P) to the same shape."""
        channels, patches = x.shape[1:]
        alike = (self.c_q(x) @ self.c_k(x).transpose(1, 2) / patches**0.5).softmax(dim=-1)
        attended = alike @ self.c_v(x)
        # Published so: transposed and read row by row as if it were not, which mixes channels with patches.
        return x + attended.transpose(1, 2).reshape(-1, channels, patches)


class Swin(nn.Module):
    """Two stages of windowed attention, each with a residual."""

    def __init__(self, width: int, inner: int, grid: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Stage(width, inner, grid) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, P, width) to the same shape."""
        for layer in self.layers:
            x = x + SHARE * layer(x)
        return x


class Stage(nn.Module):
    """A block of windows, a block of windows half a window further, and a convolution."""

    def __init__(self, width: int, inner: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        shifts = (0, WINDOW // 2)
        self.blocks = nn.ModuleList(WindowBlock(width, inner, SWIN_HEADS, WINDOW, grid, shift) for shift in shifts)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, P, width) to the same shape."""
        for block in self.blocks:
            x = block(x)
        x = self.conv(x.transpose(1, 2).reshape(len(x), -1, self.grid, self.grid))
        return F.relu(x).flatten(2).transpose(1, 2)
