"""ImageBind: pictures and sounds as vectors of one space (Girdhar et al. 2023, arXiv 2305.05665).

Our own reading of the paper and of facebookresearch/ImageBind @ 53680b0 (imagebind/models/), with the names and shapes
of imagebind_huge.pth. Only the encoders of video and audio are built here, and that of text in `text`; the checkpoint
also holds depth, heat and motion. Widths and depths are read from the checkpoint; the numbers of attention heads are
not in it.

Letters: B inputs, N tokens, D width, E size of the common space.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint

HEADS = {"vision": 16, "audio": 12}
AUDIO_STRIDE = 10
"""Mel bands, and steps of 10 ms, from one patch to the next; patches of frames do not overlap."""
PARTS = ("modality_preprocessors", "modality_trunks", "modality_heads")


class ImageBind(nn.Module):
    """The encoders of video and audio."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        """Builds layers of the sizes of a checkpoint; its weights are loaded afterwards."""
        super().__init__()
        stems, trunks, heads = (
            {sense: checkpoint.part(state, f"{part}.{sense}.") for sense in HEADS} for part in PARTS
        )
        self.modality_preprocessors = nn.ModuleDict(
            {"vision": Picture(stems["vision"]), "audio": Sound(stems["audio"])}
        )
        self.modality_trunks = nn.ModuleDict({sense: Trunk(trunks[sense], HEADS[sense]) for sense in HEADS})
        self.modality_heads = nn.ModuleDict({sense: _head(heads[sense]) for sense in HEADS})

    def encode_video(self, pictures: Tensor) -> Tensor:
        """Maps (B, 3, 224, 224) pictures, or (B, 3, 2, 224, 224) pairs of them, to (B, E) of length 1."""
        pairs = pictures if pictures.ndim == 5 else pictures[:, :, None].expand(-1, -1, 2, -1, -1)
        return self._embed("vision", pairs)

    def encode_audio(self, mel: Tensor) -> Tensor:
        """Maps (B, 1, 128, 204) normalised log-mel to (B, E) of length 1 (upstream: of length 20)."""
        return self._embed("audio", mel)

    def _embed(self, sense: str, x: Tensor) -> Tensor:
        tokens = self.modality_trunks[sense](self.modality_preprocessors[sense](x))
        return F.normalize(self.modality_heads[sense](tokens[:, 0]), dim=-1)


class Stem(nn.Module):
    """Patches as tokens, with their positions, behind a class token."""

    rgbt_stem: nn.ModuleDict

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(state["cls_token"].shape))  # (1, 1, D)
        positions = nn.Parameter(torch.zeros(state["pos_embedding_helper.pos_embed"].shape))  # (1, N, D)
        self.pos_embedding_helper = nn.ParameterDict({"pos_embed": positions})

    def forward(self, x: Tensor) -> Tensor:
        """Maps an input to (B, N, D)."""
        patches = self.rgbt_stem["proj"](x).flatten(2).transpose(1, 2)
        if "norm_layer" in self.rgbt_stem:
            patches = self.rgbt_stem["norm_layer"](patches)
        tokens = torch.cat((self.cls_token.expand(len(patches), -1, -1), patches), dim=1)
        return tokens + self.pos_embedding_helper["pos_embed"]


class Picture(Stem):
    """Pairs of frames as 16 x 16 patches."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__(state)
        width, _, deep, high, wide = state["rgbt_stem.proj.1.weight"].shape
        patch = (deep, high, wide)
        # Upstream's first step makes a pair of a single picture, and has no weights.
        convolution = nn.Sequential(nn.Identity(), nn.Conv3d(3, width, patch, patch, bias=False))
        self.rgbt_stem = nn.ModuleDict({"proj": convolution})


class Sound(Stem):
    """2 s of sound as 12 x 19 overlapping patches."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__(state)
        width, _, high, wide = state["rgbt_stem.proj.weight"].shape
        convolution = nn.Conv2d(1, width, (high, wide), AUDIO_STRIDE, bias=False)
        self.rgbt_stem = nn.ModuleDict({"proj": convolution, "norm_layer": nn.LayerNorm(width)})


class Trunk(nn.Module):
    """The transformer."""

    def __init__(self, state: Mapping[str, Tensor], heads: int) -> None:
        super().__init__()
        hidden, width = state["blocks.0.mlp.fc1.weight"].shape
        if "pre_transformer_layer.0.weight" in state:
            self.pre_transformer_layer = nn.Sequential(nn.LayerNorm(width, eps=1e-6))
        with_bias = "blocks.0.attn.bias_k" in state
        blocks = (Block(width, hidden, heads, with_bias) for _ in range(checkpoint.count(state, "blocks")))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Maps (B, N, D) to the same; an (N, N) mask is added to the scores of attention."""
        if hasattr(self, "pre_transformer_layer"):
            tokens = self.pre_transformer_layer(tokens)
        for block in self.blocks:
            tokens = block(tokens, mask)
        return tokens


class Block(nn.Module):
    """Attention and a two-layer perceptron, normalised before each."""

    def __init__(self, width: int, hidden: int, heads: int, with_bias: bool) -> None:
        """Builds the layers; `with_bias` adds a learned token that all attend to and that attends to nothing."""
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, add_bias_kv=with_bias, batch_first=True)
        self.norm_1, self.norm_2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        """Maps (B, N, D) to the same."""
        x = self.norm_1(tokens)
        tokens = tokens + self.attn(x, x, x, need_weights=False, attn_mask=mask)[0]
        return tokens + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm_2(tokens))))


def _head(state: Mapping[str, Tensor]) -> nn.Sequential:
    """Builds the projection of the class token into the common space; upstream's second step has no weights."""
    size, width = state["2.weight"].shape
    return nn.Sequential(nn.LayerNorm(width, eps=1e-6), nn.Identity(), nn.Linear(width, size, bias=False))


def load(path: Path, device: str) -> ImageBind:
    """Loads the encoders of video and audio of a checkpoint. Raises Unavailable when it is not one of ImageBind."""
    wanted = tuple(f"{part}.{sense}." for part in PARTS for sense in HEADS)
    state = {name: value for name, value in checkpoint.tensors(path).items() if name.startswith(wanted)}
    try:
        net = ImageBind(state)
    except KeyError as missing:
        raise Unavailable(f"weights unreadable: expected {missing} in {path}") from missing
    checkpoint.load_weights(net, state, path)
    return net.to(device)
