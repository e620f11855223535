"""The audio encoder: an audio spectrogram transformer (AST, arXiv 2104.01778).

It takes 0.64 s as overlapping patches of 16 mel bands x 16 steps, 12 in frequency and 6 in time.

Letters: B segments, f and t patches in frequency and time, D width.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks import checkpoint
from jova_bench.metrics.networks.synchformer.aggregate import Gather

HEADS = 12
STRIDE = 10
"""Mel bands, and steps of 10 ms, from one patch to the next."""


class AudioEncoder(nn.Module):
    """Encodes log-mel spectrograms: one vector per patch of time."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        """Builds layers of the sizes of a checkpoint's part."""
        super().__init__()
        self.ast = Spectrogram(checkpoint.part(state, "ast."))
        self.freq_attn_agg = Gather(checkpoint.part(state, "freq_attn_agg."), HEADS)

    def forward(self, mel: Tensor) -> Tensor:
        """Maps (B, bands, steps) normalised log-mel to (B, t, D)."""
        tokens = self.ast(mel)  # (B, f, t, D)
        segments, _, steps, width = tokens.shape
        columns = tokens.transpose(1, 2).flatten(0, 1)  # (B t, f, D)
        return self.freq_attn_agg.gather(columns).reshape(segments, steps, width)


class Spectrogram(nn.Module):
    """The transformer, with the names that it has in transformers (modeling_audio_spectrogram_transformer.py)."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        width, _, high, wide = state["embeddings.patch_embeddings.projection.weight"].shape
        hidden = len(state["encoder.layer.0.intermediate.dense.weight"])
        self.embeddings = Embeddings(width, (high, wide), state["embeddings.position_embeddings"].shape)
        layers = (Layer(width, hidden) for _ in range(checkpoint.count(state, "encoder.layer")))
        self.encoder = nn.ModuleDict({"layer": nn.Sequential(*layers)})
        self.layernorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, mel: Tensor) -> Tensor:
        """Maps (B, bands, steps) to (B, f, t, D)."""
        patches = self.embeddings.patches(mel)  # (B, D, f, t)
        tokens = self.encoder["layer"](self.embeddings(patches.flatten(2).transpose(1, 2)))
        return self.layernorm(tokens)[:, 2:].unflatten(1, patches.shape[2:])


class Embeddings(nn.Module):
    """Patches, with a class token and a distillation token before them, and their positions."""

    def __init__(self, width: int, patch: tuple[int, int], positions: tuple[int, ...]) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.distillation_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position_embeddings = nn.Parameter(torch.zeros(positions))  # (1, 2 + f t, D)
        self.patch_embeddings = nn.ModuleDict({"projection": nn.Conv2d(1, width, patch, STRIDE)})

    def patches(self, mel: Tensor) -> Tensor:
        """Maps (B, bands, steps) to (B, D, f, t)."""
        return self.patch_embeddings["projection"](mel[:, None])

    def forward(self, patches: Tensor) -> Tensor:
        """Maps (B, f t, D) to (B, 2 + f t, D)."""
        both = torch.cat((self.cls_token, self.distillation_token), dim=1).expand(len(patches), -1, -1)
        return torch.cat((both, patches), dim=1) + self.position_embeddings


class Layer(nn.Module):
    """Attention and a two-layer perceptron, normalised before each."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.attention = Attention(width)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, hidden)})
        self.output = nn.ModuleDict({"dense": nn.Linear(hidden, width)})
        self.layernorm_before, self.layernorm_after = (nn.LayerNorm(width, eps=1e-12) for _ in range(2))

    def forward(self, tokens: Tensor) -> Tensor:
        """Maps (B, N, D) to the same."""
        tokens = tokens + self.attention(self.layernorm_before(tokens))
        inner = F.gelu(self.intermediate["dense"](self.layernorm_after(tokens)))
        return tokens + self.output["dense"](inner)


class Attention(nn.Module):
    """Attention of all tokens to all tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, N, D) to the same."""
        q, k, v = (layer(x).unflatten(2, (HEADS, -1)).transpose(1, 2) for layer in self.attention.values())
        return self.output["dense"](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
