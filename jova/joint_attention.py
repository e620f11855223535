"""The transformer block of JoVA: one self-attention over the tokens of all streams (arXiv 2512.13677).

Four streams of tokens run through every block, always in this order:

    [ audio | text-for-audio | text-for-video | video ]

Separate blocks have own weights for each of the four; shared blocks have one set for [audio; text-for-audio] and
another for [text-for-video; video]. The other values of `fusion` are controls for ablations.

Letters: B batch, L text tokens, A audio tokens, V video tokens, N = A + 2L + V, D width, H heads, E = D / H.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova.config import JovaConfig
from jova.layers import CrossAttention, QKNorm, StreamLayers, modulate, normalise, rotate


class Context(NamedTuple):
    """Inputs that all blocks of one forward pass share, beside the tokens."""

    streams: list[int]
    """Numbers of tokens of audio, text-for-audio, text-for-video and video."""
    time: Tensor
    """(B, 6, 1, D) timestep modulation."""
    rope: Tensor
    """(B, 1, N, E / 2) rotary positions."""
    mask: Tensor
    """(B, 1, 1, N) bool attention mask: False for padding."""

    @property
    def sides(self) -> list[int]:
        """Numbers of tokens of [audio; text-for-audio] and of [text-for-video; video]."""
        return [sum(self.streams[:2]), sum(self.streams[2:])]


class JointBlock(nn.Module):
    """Joint self-attention between per-stream projections, then a per-stream FFN; both have adaLN and gates."""

    def __init__(self, config: JovaConfig, *, shared: bool) -> None:
        super().__init__()
        self.heads, self.fusion, self.shared = config.heads, config.fusion, shared
        # Cross-attention costs 4 D^2 weights a modality; two widths of FFN (2 x 2 D^2) pay for it.
        ffn = config.ffn - 2 if config.fusion == "cross" else config.ffn
        widths = [ffn, ffn] if shared else [ffn, config.text_ffn, config.text_ffn, ffn]
        self.weights = nn.ModuleList(StreamLayers(config.width, width * config.width) for width in widths)
        self.head_norm = QKNorm(config.head_size)
        if config.fusion == "cross":
            self.audio_cross = CrossAttention(config.width, config.heads)
            self.video_cross = CrossAttention(config.width, config.heads)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Maps tokens (B, N, D) to tokens (B, N, D)."""
        sizes = context.sides if self.shared else context.streams
        weights: list[StreamLayers] = list(self.weights)  # type: ignore[arg-type]
        mods = [w.modulate(context.time) for w in weights]

        parts = torch.split(normalise(x), sizes, dim=1)  # each (B, n, D)
        qkv = [
            w.qkv(modulate(p, m.attention_shift, m.attention_scale))
            for w, p, m in zip(weights, parts, mods, strict=True)
        ]
        parts = torch.split(self.attend(torch.cat(qkv, dim=1), context), sizes, dim=1)
        attended = [m.attention_gate * w.attention_out(p) for w, p, m in zip(weights, parts, mods, strict=True)]
        x = x + torch.cat(attended, dim=1)
        if self.fusion == "cross":
            x = self.cross_attend(x, context)

        parts = torch.split(normalise(x), sizes, dim=1)
        ffn = [
            m.ffn_gate * w.ffn(modulate(p, m.ffn_shift, m.ffn_scale))
            for w, p, m in zip(weights, parts, mods, strict=True)
        ]
        return x + torch.cat(ffn, dim=1)

    def attend(self, qkv: Tensor, context: Context) -> Tensor:
        """Applies self-attention over all tokens (`joint`) or within each side: (B, N, 3D) -> (B, N, D)."""
        heads = qkv.view(*qkv.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = heads.unbind()  # each (B, H, N, E)
        q, k = (rotate(self.head_norm(z), context.rope) for z in (q, k))
        if self.fusion == "joint":
            y = F.scaled_dot_product_attention(q, k, v, context.mask)  # (B, H, N, E)
        else:
            tokens = (torch.split(z, context.sides, dim=2) for z in (q, k, v))
            sides = zip(*tokens, torch.split(context.mask, context.sides, dim=3), strict=True)
            y = torch.cat([F.scaled_dot_product_attention(*side) for side in sides], dim=2)
        return y.transpose(1, 2).flatten(2)  # (B, N, D)

    def cross_attend(self, x: Tensor, context: Context) -> Tensor:
        """Adds cross-attention from audio to video and from video to audio, in parallel: (B, N, D) -> (B, N, D)."""
        audio, *texts, video = torch.split(x, context.streams, dim=1)
        audio_rope, *_, video_rope = torch.split(context.rope, context.streams, dim=2)
        from_video = self.audio_cross(audio, video, audio_rope, video_rope)  # (B, A, D)
        from_audio = self.video_cross(video, audio, video_rope, audio_rope)  # (B, V, D)
        return torch.cat([audio + from_video, *texts, video + from_audio], dim=1)
