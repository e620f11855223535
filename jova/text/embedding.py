"""First layer of the text: words of a vocabulary, or states of pretrained encoders, to tokens of the model's width."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova.config import JovaConfig
from jova.text.states import TextStates
from jova.text.words import FIRST_WORD, SEGMENTS, TextTokens


class TextEmbedding(nn.Module):
    """Sum of word, segment and position embeddings (as in BERT)."""

    def __init__(self, config: JovaConfig) -> None:
        super().__init__()
        # Attribute names are keys of stored weights: `parts` are the segments.
        self.words = nn.Embedding(FIRST_WORD + len(config.vocabulary), config.width)
        self.parts = nn.Embedding(len(SEGMENTS), config.width)
        self.positions = nn.Embedding(config.words_per_part, config.width)

    def forward(self, text: TextTokens) -> Tensor:
        """Maps (B, L) words to (B, L, D) tokens."""
        return self.words(text.ids) + self.parts(text.segments) + self.positions(text.positions)


class TextProjection(nn.Module):
    """Layers from the states of each encoder to tokens; see `jova.config.TextLayers`.

    By default RMSNorm and a linear layer (as Qwen-Image), because encoders differ in scale by far. States have
    positions already, and segments are named in the prompt, so nothing is added to them.
    """

    def __init__(self, config: JovaConfig) -> None:
        super().__init__()
        self.channels, kind = config.text_channels, config.text_layers
        # Attribute names are keys of stored weights.
        self.norms = nn.ModuleList(
            nn.RMSNorm(channels, eps=1e-6) if kind == "norm-linear" else nn.Identity() for channels in self.channels
        )
        self.projections = nn.ModuleList(nn.Linear(channels, config.width) for channels in self.channels)
        self.outs = nn.ModuleList(nn.Linear(config.width, config.width) for _ in self.channels if kind == "mlp")

    def forward(self, text: TextStates) -> Tensor:
        """Maps states (B, L_e, C_e) of each encoder e to tokens (B, L, D), L the sum of L_e.

        Raises:
            ValueError: the states have other channels than the model's.
        """
        channels = tuple(hidden.states.shape[-1] for hidden in text.encoders)
        if channels != self.channels:
            raise ValueError(f"expected text of encoders with {self.channels} channels, got {channels}")
        dtype = next(self.parameters()).dtype
        tokens = [
            project(norm(hidden.states.to(dtype)))
            for norm, project, hidden in zip(self.norms, self.projections, text.encoders, strict=True)
        ]
        if self.outs:
            tokens = [out(F.gelu(x, approximate="tanh")) for out, x in zip(self.outs, tokens, strict=True)]
        return torch.cat(tokens, dim=1)
