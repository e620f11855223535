"""The comparison: a transformer over all tokens of both streams, whose first token names the offset.

Letters: B clips, N tokens of a stream, D width, C classes of offset.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jova_bench.metrics.networks import checkpoint

HEADS = 8


class Head(nn.Module):
    """Scores offsets from the tokens of video and audio."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        """Builds layers of the sizes of a checkpoint's part."""
        super().__init__()
        classes, width = state["off_head.weight"].shape
        hidden = len(state["blocks.0.mlp.0.weight"])
        self.vis_in_lnorm, self.aud_in_lnorm, self.ln_f = (nn.LayerNorm(width) for _ in range(3))
        self.OFF_tok, self.MOD_tok = (nn.Parameter(torch.zeros(1, 1, width)) for _ in range(2))
        positions = nn.Parameter(torch.zeros(state["pos_emb_cfg.pos_emb"].shape))  # (1, 2 + N + N, D) at 14 segments
        self.pos_emb_cfg = nn.ParameterDict({"pos_emb": positions})
        self.blocks = nn.Sequential(*(Block(width, hidden) for _ in range(checkpoint.count(state, "blocks"))))
        self.off_head = nn.Linear(width, classes)

    def forward(self, video: Tensor, audio: Tensor) -> Tensor:
        """Scores the offsets of clips.

        With fewer segments than it was trained on, the first positions are taken, so that sound stands where the
        network expects pictures; that is how Verse-Bench runs it.

        Args:
            video: (B, N, D) tokens of the frames.
            audio: (B, N, D) tokens of the audio.

        Returns:
            (B, C) logits.
        """
        clips = len(video)
        offset, modality = self.OFF_tok.expand(clips, -1, -1), self.MOD_tok.expand(clips, -1, -1)
        tokens = torch.cat((offset, self.vis_in_lnorm(video), modality, self.aud_in_lnorm(audio)), dim=1)
        tokens = tokens + self.pos_emb_cfg["pos_emb"][:, : tokens.shape[1]]
        return self.off_head(self.ln_f(self.blocks(tokens))[:, 0])


class Block(nn.Module):
    """Attention and a two-layer perceptron, normalised before each."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value", "proj")})
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Maps (B, N, D) to the same."""
        x = self.ln1(tokens)
        q, k, v = (self.attn[name](x).unflatten(2, (HEADS, -1)).transpose(1, 2) for name in ("query", "key", "value"))
        joined = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        tokens = tokens + self.attn["proj"](joined)
        return tokens + self.mlp(self.ln2(tokens))
