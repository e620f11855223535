"""ViCLIP: eight frames as one picture in time, and texts, as vectors of one space (Wang et al. 2023, InternVid).

Our own reading of arXiv 2307.06942 and of its code as VABench @ 0b1fe7c has it (third_party/ViCLIP), with the names of
its checkpoints. It is CLIP's transformer with all patches of all frames as tokens at once. Widths and depths are read
from the checkpoint; heads are 64 wide, as CLIP's.

Letters: T frames, N tokens, D width, E size of the common space.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.networks.shaped import Shapes

HEAD = 64
"""Width of a head."""


class ViClip(nn.Module):
    """Both encoders."""

    def __init__(self, shapes: Shapes) -> None:
        """Builds layers of the shapes of a checkpoint."""
        super().__init__()
        patch = shapes["vision_encoder.conv1.weight"][-1]
        self.side = isqrt(shapes["vision_encoder.positional_embedding"][0] - 1) * patch
        """Pixels of the squares that it takes."""
        self.vision_encoder = FrameEncoder(checkpoint.part(shapes, "vision_encoder."))
        self.text_encoder = TextEncoder(checkpoint.part(shapes, "text_encoder."))

    def encode_frames(self, pictures: Tensor) -> Tensor:
        """Maps (8, 3, H, W) normalised frames, or (1, 3, H, W), to an (E,) vector of length 1."""
        return F.normalize(self.vision_encoder(pictures), dim=-1)

    def encode_text(self, tokens: Sequence[int]) -> Tensor:
        """Maps at most 32 tokens to an (E,) vector of length 1."""
        numbers = torch.tensor(tokens, device=self.text_encoder.text_projection.device)
        return F.normalize(self.text_encoder(numbers), dim=-1)


class FrameEncoder(nn.Module):
    """Patches of all frames behind one class token."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        width, _, _, patch, _ = shapes["conv1.weight"]
        self.conv1 = nn.Conv3d(3, width, (1, patch, patch), (1, patch, patch), bias=False)
        self.class_embedding = nn.Parameter(torch.empty(shapes["class_embedding"]))  # (D,)
        self.positional_embedding = nn.Parameter(torch.empty(shapes["positional_embedding"]))  # (1 + h w, D)
        self.temporal_positional_embedding = nn.Parameter(torch.empty(shapes["temporal_positional_embedding"]))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(shapes)
        self.proj = nn.Parameter(torch.empty(shapes["proj"]))

    def forward(self, pictures: Tensor) -> Tensor:
        """Maps (T, 3, H, W) to (E,); a single frame has the mean of all places in time."""
        patches = self.conv1(pictures.transpose(0, 1)[None])[0].flatten(2).permute(1, 2, 0)  # (T, h w, D)
        times = self.temporal_positional_embedding[0]  # (8, D)
        times = times if len(pictures) > 1 else times.mean(dim=0, keepdim=True)
        patches = patches + self.positional_embedding[1:] + times[:, None]
        first = (self.class_embedding + self.positional_embedding[0])[None]
        tokens = torch.cat((first, patches.flatten(0, 1)))  # Attention knows no order: upstream's is another.
        return self.ln_post(self.transformer(self.ln_pre(tokens)[None])[0, 0]) @ self.proj


class TextEncoder(nn.Module):
    """Tokens that see only those before them."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        words, width = shapes["token_embedding.weight"]
        self.token_embedding = nn.Embedding(words, width)
        self.positional_embedding = nn.Parameter(torch.empty(shapes["positional_embedding"]))  # (32, D)
        self.transformer = Transformer(shapes)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(shapes["text_projection"]))

    def forward(self, tokens: Tensor) -> Tensor:
        """Maps (N,) tokens to (E,), read at the end mark, which has the highest number."""
        mask = torch.full((len(tokens), len(tokens)), -torch.inf, device=tokens.device).triu(1)
        seen = self.transformer((self.token_embedding(tokens) + self.positional_embedding[: len(tokens)])[None], mask)
        return self.ln_final(seen[0, tokens.argmax()]) @ self.text_projection


class Transformer(nn.Module):
    """CLIP's blocks."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        blocks = checkpoint.part(shapes, "transformer.resblocks.")
        depth = len({name.split(".")[0] for name in blocks})
        self.resblocks = nn.ModuleList(Block(*blocks["0.mlp.c_fc.weight"]) for _ in range(depth))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps (1, N, D) to the same; an (N, N) mask is added to the scores of attention."""
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Block(nn.Module):
    """Attention and a two-layer perceptron, normalised before each."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, width // HEAD, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, hidden), "c_proj": nn.Linear(hidden, width)})

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (1, N, D) to the same."""
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False, attn_mask=mask)[0]
        inner = self.mlp["c_fc"](self.ln_2(x))
        return x + self.mlp["c_proj"](inner * torch.sigmoid(1.702 * inner))


def load(path: Path, device: str) -> ViClip:
    """Loads both encoders: of safetensors, or of the published pickle's `model`. Raises Unavailable for other files."""
    state = checkpoint.tensors(path, "model")
    state.pop("temp", None)  # The temperature of the training.
    try:
        net = ViClip({name: tuple(value.shape) for name, value in state.items()})
    except (KeyError, ValueError) as error:
        raise Unavailable(f"weights unreadable: expected {error} in {path}") from error
    checkpoint.load_weights(net, state, path)
    return net.to(device)
