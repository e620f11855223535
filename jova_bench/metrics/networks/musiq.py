"""MUSIQ, which predicts ratings of the quality of images of any size and shape (Ke et al. 2021, arXiv 2108.05997).

Our own reading of the paper and of pyiqa 0.1.14 (archs/musiq_arch.py, data/multiscale_trans_util.py), whose checkpoint
musiq_koniq_ckpt-e95806b9.pth it takes. pyiqa fills each scale up with empty patches that no other patch attends to;
here there are none, which changes nothing.

Letters: n patches of a picture at all scales, D width of the transformer.
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks.shaped import Shapes

PATCH = 32
"""Pixels per side."""
LONG_SIDES = (224, 384)
"""Pixels: the frame is scaled to these and at its own."""
ROOT = 64
"""Channels of the first convolution."""
HEADS = 6


class Musiq(nn.Module):
    """Pictures to scores, about 0 to 100."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds layers of the shapes of a checkpoint."""
        super().__init__()
        width, tokens = shapes["embedding.weight"]
        self.conv_root = StandardConv(3, ROOT, 7, stride=2)
        self.gn_root = nn.GroupNorm(32, ROOT, eps=1e-6)
        self.block1 = Bottleneck(ROOT, 4 * ROOT)
        self.embedding = nn.Linear(tokens, width)
        self.transformer_encoder = Encoder(shapes, width)
        self.head = nn.Linear(width, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Maps (3, H, W) in 0 .. 1 to a score."""
        picture = 2 * picture[None] - 1
        pieces = [_patches(_scaled(picture, side)) for side in LONG_SIDES] + [_patches(picture)]
        places = self.transformer_encoder.posembed_input
        scales = self.transformer_encoder.scaleembed_input
        where = torch.cat([places(rows, columns) + scales(k) for k, (_, rows, columns) in enumerate(pieces)])
        x = self.gn_root(self.conv_root(torch.cat([patches for patches, _, _ in pieces])))
        x = self.block1(F.max_pool2d(_same_padding(F.relu(x), 3, 2), 3, 2))
        x = self.embedding(x.permute(0, 2, 3, 1).flatten(1)) + where
        score: Tensor = self.head(self.transformer_encoder(x[None])[0, 0])
        return score[0]


def _scaled(picture: Tensor, long_side: int) -> Tensor:
    """Scales the longer side to a length: bicubic, no low pass."""
    height, width = picture.shape[2:]
    ratio = long_side / max(height, width)
    return F.interpolate(picture, (round(height * ratio), round(width * ratio)), mode="bicubic")


def _patches(picture: Tensor) -> tuple[Tensor, int, int]:
    """Cuts (1, 3, H, W) into (rows columns, 3, 32, 32), row by row, black around what does not fill a patch."""
    rows, columns = (ceil(side / PATCH) for side in picture.shape[2:])
    cut = F.unfold(_same_padding(picture, PATCH, PATCH), PATCH, stride=PATCH)
    return cut[0].T.reshape(-1, 3, PATCH, PATCH), rows, columns


def _same_padding(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pads (n, c, H, W) so that a window gives ceil(side / stride) outputs; an odd zero goes to the end."""
    lacking = [(ceil(side / stride) - 1) * stride + kernel - side for side in x.shape[2:]]
    rows, columns = lacking
    return F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


class StandardConv(nn.Conv2d):
    """A convolution without bias whose filters are brought to mean 0 and deviation 1."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1) -> None:
        super().__init__(before, after, kernel, stride, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Maps (n, before, H, W) to (n, after, H / stride, W / stride)."""
        filters = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        filters = filters / (filters.std((1, 2, 3), keepdim=True) + 1e-5)
        return F.conv2d(_same_padding(input, self.kernel_size[0], self.stride[0]), filters, stride=self.stride)


class Bottleneck(nn.Module):
    """Three convolutions beside a projected shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1, self.gn1 = StandardConv(before, before, 1), nn.GroupNorm(32, before, eps=1e-4)
        self.conv2, self.gn2 = StandardConv(before, before, 3), nn.GroupNorm(32, before, eps=1e-4)
        self.conv3, self.gn3 = StandardConv(before, after, 1), nn.GroupNorm(32, after, eps=1e-4)
        self.conv_proj, self.gn_proj = StandardConv(before, after, 1), nn.GroupNorm(32, after, eps=1e-4)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, before, H, W) to (n, after, H, W)."""
        y = F.relu(self.gn1(self.conv1(x)))
        y = F.relu(self.gn2(self.conv2(y)))
        return F.relu(self.gn3(self.conv3(y)) + self.gn_proj(self.conv_proj(x)))


class Encoder(nn.Module):
    """A transformer over the patches of all scales, and a first token that the score is read from."""

    def __init__(self, shapes: Shapes, width: int) -> None:
        super().__init__()
        prefix = "transformer_encoder."
        self.posembed_input = Places(shapes[f"{prefix}posembed_input.position_emb"][1], width)
        self.scaleembed_input = Scales(shapes[f"{prefix}scaleembed_input.scale_emb"][0], width)
        self.cls = nn.Parameter(torch.empty(1, 1, width))
        blocks = {name.split(".")[2] for name in shapes if name.startswith(f"{prefix}transformer.")}
        inner = shapes[f"{prefix}transformer.encoderblock_0.mlp.fc1.weight"][0]
        self.transformer = nn.ModuleDict({f"encoderblock_{k}": Block(width, inner) for k in range(len(blocks))})
        self.encoder_norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, n, D) to (1, 1 + n, D)."""
        x = torch.cat([self.cls, x], dim=1)
        for block in self.transformer.values():
            x = block(x)
        out: Tensor = self.encoder_norm(x)
        return out


class Places(nn.Module):
    """Position embedding of patches: frames of all shapes are hashed to one grid."""

    def __init__(self, cells: int, width: int) -> None:
        super().__init__()
        self.position_emb = nn.Parameter(torch.empty(1, cells, width))

    def forward(self, rows: int, columns: int) -> Tensor:
        """Returns the (rows columns, D) embeddings."""
        side = round(self.position_emb.shape[1] ** 0.5)
        cells = torch.arange(side, dtype=torch.float32, device=self.position_emb.device)[None, None]
        down, across = (F.interpolate(cells, count, mode="nearest")[0, 0].long() for count in (rows, columns))
        return self.position_emb[0, (down[:, None] * side + across).flatten()]


class Scales(nn.Module):
    """Embedding of the scale at which a patch was cut."""

    def __init__(self, scales: int, width: int) -> None:
        super().__init__()
        self.scale_emb = nn.Parameter(torch.empty(scales, width))

    def forward(self, scale: int) -> Tensor:
        """Returns the (D,) embedding."""
        return self.scale_emb[scale]


class Block(nn.Module):
    """Attention and a two-layer network, each beside a shortcut."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = Attention(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, inner), "fc2": nn.Linear(inner, width)})

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, n, D) to the same shape."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class Attention(nn.Module):
    """Attention of all tokens to all tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (1, n, D) to the same shape."""
        query, key, value = (
            part(x).unflatten(2, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return out
