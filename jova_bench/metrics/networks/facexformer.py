"""FaceXFormer (Narayan et al. 2024, arXiv 2403.12960): which way a head is turned, of all that it tells of a face.

Swin's features of all stages, brought to one width and grid, are asked by one token for each of its tasks; all of them
are kept, for they attend to each other, and the heads of the others are left out. Our own reading of
Kartik-3004/facexformer @ d4a268b (network/models), whose checkpoint ckpts/model.pt it takes.

Letters: B faces, T tokens, P cells of the finest grid, D their width.
"""

from __future__ import annotations

from math import pi
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks import checkpoint, shaped
from jova_bench.metrics.networks.shaped import Shapes
from jova_bench.metrics.networks.swin import Swin

SIDE = 224
"""Pixels of the squares that it sees."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HEADS = 8
TOKENS = ("landmarks_token", "pose_token", "attribute_token", "visibility_token", "age_token", "gender_token",
          "race_token", "mask_tokens")  # fmt: skip
"""Names of the tokens in their order; the last is of several."""
POSE = TOKENS.index("pose_token")
_STAGES = 4
_SWIN = (
    (r"^backbone\.0\.0\.0\.", "backbone.patch_embed.proj."),
    (r"^backbone\.0\.0\.2\.", "backbone.patch_embed.norm."),
    *((rf"^backbone\.0\.{2 * k + 1}\.", f"backbone.layers.{k}.blocks.") for k in range(_STAGES)),
    *((rf"^backbone\.0\.{2 * k + 2}\.", f"backbone.layers.{k}.downsample.") for k in range(_STAGES - 1)),
    (r"\.mlp\.0\.", ".mlp.fc1."),
    (r"\.mlp\.3\.", ".mlp.fc2."),
)
"""torchvision's names of Swin's weights and Microsoft's."""


class FaceXFormer(nn.Module):
    """Faces to the angles by which they are turned."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds layers of the shapes of a checkpoint whose Swin has Microsoft's names."""
        super().__init__()
        self.backbone = Swin(checkpoint.part(shapes, "backbone."), SIDE)
        channels = [shapes[f"linear_c.{k}.proj.weight"] for k in range(_STAGES)]
        width = channels[0][0]
        self.linear_c = nn.ModuleList(nn.ModuleDict({"proj": nn.Linear(before, width)}) for _, before in channels)
        self.linear_fuse = nn.Conv2d(_STAGES * width, width, 1, bias=False)
        self.pe_layer = Places(shapes["pe_layer.positional_encoding_gaussian_matrix"])
        self.face_decoder = Decoder(checkpoint.part(shapes, "face_decoder."), width)

    def forward(self, faces: Tensor) -> Tensor:
        """Maps normalised (B, 3, 224, 224) to (B, 3): nod, turn and tilt in radians."""
        _, leaving = self.backbone(faces)
        size = (leaving[0].shape[2], leaving[0].shape[3])
        maps = [
            F.interpolate(linear(x.movedim(1, 3)).movedim(3, 1), size, mode="bilinear")
            for linear, x in zip((one.get_submodule("proj") for one in self.linear_c), leaving, strict=True)
        ]
        fused = self.linear_fuse(torch.cat(maps[::-1], dim=1))
        out: Tensor = self.face_decoder(fused.flatten(2).transpose(1, 2), self.pe_layer(size).to(fused))
        return out


class Places(nn.Module):
    """Sines and cosines of where a cell lies, in random directions."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.empty(shape))

    def forward(self, size: tuple[int, int]) -> Tensor:
        """Returns (rows columns, D)."""
        matrix = self.positional_encoding_gaussian_matrix
        y, x = (2 * (torch.arange(count, device=matrix.device) + 0.5) / count - 1 for count in size)
        places = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=2).reshape(-1, 2)
        angles = 2 * pi * (places.to(matrix) @ matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class Decoder(nn.Module):
    """Tokens that ask the cells, and what is read from the token of the pose."""

    def __init__(self, shapes: Shapes, width: int) -> None:
        super().__init__()
        for name in TOKENS:
            count, _ = shapes[f"{name}.weight"]
            self.add_module(name, nn.Embedding(count, width))
        self.transformer = TwoWay(checkpoint.part(shapes, "transformer."), width)
        prefix = "pose_prediction_head.layers"
        sizes = [shapes[f"{prefix}.{k}.weight"] for k in range(3)]
        self.pose_prediction_head = nn.ModuleDict(
            {"layers": nn.ModuleList(nn.Linear(before, after) for after, before in sizes)}
        )

    def forward(self, cells: Tensor, places: Tensor) -> Tensor:
        """Maps (B, P, D) cells and their (P, D) places to (B, 3)."""
        tokens = torch.cat([self.get_parameter(f"{name}.weight") for name in TOKENS])
        x: Tensor = self.transformer(tokens.expand(len(cells), -1, -1), cells, places)[:, POSE]
        first, second, last = self.pose_prediction_head.get_submodule("layers").children()
        out: Tensor = last(F.relu(second(F.relu(first(x)))))
        return out


class TwoWay(nn.Module):
    """Layers in which tokens ask cells and cells ask tokens (Kirillov et al. 2023, arXiv 2304.02643)."""

    def __init__(self, shapes: Shapes, width: int) -> None:
        super().__init__()
        count = len({name.split(".")[1] for name in shapes if name.startswith("layers.")})
        self.layers = nn.ModuleList(TwoWayLayer(shapes, f"layers.{k}.", width, first=not k) for k in range(count))
        self.final_attn_token_to_image = _attention(shapes, "final_attn_token_to_image")
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, cells: Tensor, places: Tensor) -> Tensor:
        """Maps (B, T, D) tokens, (B, P, D) cells and their (P, D) places to (B, T, D)."""
        x = tokens
        for layer in self.layers:
            x, cells = layer(x, tokens, cells, places)
        out: Tensor = self.norm_final_attn(x + self.final_attn_token_to_image(x + tokens, cells + places, cells))
        return out


class TwoWayLayer(nn.Module):
    """Tokens ask each other, then the cells; the cells ask the tokens."""

    def __init__(self, shapes: Shapes, prefix: str, width: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = _attention(shapes, f"{prefix}self_attn")
        self.cross_attn_token_to_image = _attention(shapes, f"{prefix}cross_attn_token_to_image")
        self.cross_attn_image_to_token = _attention(shapes, f"{prefix}cross_attn_image_to_token")
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(width) for _ in range(4))
        inner = shapes[f"{prefix}mlp.lin1.weight"][0]
        self.mlp = nn.ModuleDict({"lin1": nn.Linear(width, inner), "lin2": nn.Linear(inner, width)})

    def forward(self, x: Tensor, tokens: Tensor, cells: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, T, D) of the layer before, the first tokens, (B, P, D) cells and their places to new x and cells."""
        asked = x + tokens
        # The first layer's tokens are what they ask with, and nothing is added to it.
        x = self.norm1(self.self_attn(x, x, x) if self.first else x + self.self_attn(asked, asked, x))
        x = self.norm2(x + self.cross_attn_token_to_image(x + tokens, cells + places, cells))
        x = self.norm3(x + self.mlp["lin2"](F.relu(self.mlp["lin1"](x))))
        cells = self.norm4(cells + self.cross_attn_image_to_token(cells + places, x + tokens, x))
        return x, cells


def _attention(shapes: Shapes, name: str) -> Attention:
    inner, width = shapes[f"{name}.q_proj.weight"]
    return Attention(width, inner)


class Attention(nn.Module):
    """Attention in a width of its own."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, width)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Maps (B, n, D), (B, m, D) and (B, m, D) to (B, n, D)."""
        parts = zip((self.q_proj, self.k_proj, self.v_proj), (query, key, value), strict=True)
        q, k, v = (linear(x).unflatten(2, (HEADS, -1)).transpose(1, 2) for linear, x in parts)
        out: Tensor = self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return out


def load(path: Path, device: str) -> FaceXFormer:
    """Loads the network, without what tells of other tasks. Raises Unavailable: the file is something else."""
    return shaped.load(FaceXFormer, path, device, "state_dict_backbone", rules=_SWIN, more=True)
