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
from jova.layers import CrossAttention, Modulation, OwnAdaLN, QKNorm, StreamLayers, modulate, normalise, rotate


class Context(NamedTuple):
    """Inputs that all blocks of one forward pass share, beside the tokens."""

    streams: list[int]
    """Numbers of tokens of audio, text-for-audio, text-for-video and video."""
    time: Tensor
    """(B, 6, 1, D) timestep modulation; with modulation `own` the embedded timestep (B, T)."""
    head_time: Tensor
    """(B, 6, 2 or 1, 1, D) timestep modulation of the heads."""
    rope: Tensor
    """(B, 1, N, E / 2) rotary positions."""
    mask: Tensor | None
    """(B, 1, 1, N) bool attention mask: False for padding; None where no token is, for kernels that take no mask."""
    words: Tensor
    """(B, L, D) embedded text, where it is read by cross-attention: there are no streams of text then."""
    words_mask: Tensor | None
    """(B, 1, 1, L) bool: False for padding; None where no token is."""

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
        self.weights = nn.ModuleList(StreamLayers(config, width) for width in widths)
        self.head_norm = QKNorm(config.head_size) if config.qk_norm == "layer" else None
        if config.fusion == "cross":
            self.audio_cross = CrossAttention(config)
            self.video_cross = CrossAttention(config)
        self.reads_text = config.text_attention == "cross"
        if self.reads_text:
            self.audio_text = CrossAttention(config, to_text=True)
            self.video_text = CrossAttention(config, to_text=True)
        # One for every stream, also where two share their projections: text and video differ by far in scale.
        self.adaln = nn.ModuleList(OwnAdaLN(config) for _ in range(4)) if config.modulation == "own" else None

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Maps tokens (B, N, D) to tokens (B, N, D)."""
        weights: list[StreamLayers] = list(self.weights)  # type: ignore[arg-type]
        sizes = context.sides if self.shared else context.streams
        mods, mod_sizes = self.modulations(context)

        parts = torch.split(normalise(x), mod_sizes, dim=1)  # each (B, n, D)
        shifted = [modulate(p, m.attention_shift, m.attention_scale) for p, m in zip(parts, mods, strict=True)]
        qkv = [w.projections(p) for w, p in zip(weights, self.join(shifted), strict=True)]
        parts = torch.split(self.attend(torch.cat(qkv, dim=1), context), sizes, dim=1)
        attended = self.part([w.attention_out(p) for w, p in zip(weights, parts, strict=True)], mod_sizes)
        x = x + torch.cat([m.attention_gate * p for p, m in zip(attended, mods, strict=True)], dim=1)
        if self.reads_text:
            x = self.read_text(x, context)
        if self.fusion == "cross":
            x = self.cross_attend(x, context)

        parts = torch.split(normalise(x), mod_sizes, dim=1)
        shifted = [modulate(p, m.ffn_shift, m.ffn_scale) for p, m in zip(parts, mods, strict=True)]
        ffn = self.part([w.ffn(p) for w, p in zip(weights, self.join(shifted), strict=True)], mod_sizes)
        return x + torch.cat([m.ffn_gate * p for p, m in zip(ffn, mods, strict=True)], dim=1)

    def modulations(self, context: Context) -> tuple[list[Modulation], list[int]]:
        """Returns modulations, one for each set of weights or for each stream, and how many tokens each is for."""
        if self.adaln is not None:
            return [adaln(context.time) for adaln in self.adaln], context.streams
        weights: list[StreamLayers] = list(self.weights)  # type: ignore[arg-type]
        return [w.modulate(context.time) for w in weights], context.sides if self.shared else context.streams

    def join(self, parts: list[Tensor]) -> list[Tensor]:
        """Returns the tokens of each set of weights, from those of each modulation."""
        if len(parts) == len(self.weights):
            return parts
        return [torch.cat(side, dim=1) for side in (parts[:2], parts[2:])]

    def part(self, tokens: list[Tensor], sizes: list[int]) -> list[Tensor]:
        """Inverts `join`: returns the tokens of each modulation, of which there are `sizes`."""
        if len(tokens) == len(sizes):
            return tokens
        pairs = zip(tokens, (sizes[:2], sizes[2:]), strict=True)
        return [part for side, pair in pairs for part in torch.split(side, pair, dim=1)]

    def attend(self, qkv: Tensor, context: Context) -> Tensor:
        """Applies self-attention over all tokens (`joint`) or within each side: (B, N, 3D) -> (B, N, D)."""
        heads = qkv.view(*qkv.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = heads.unbind()  # each (B, H, N, E)
        if self.head_norm is not None:
            q, k = self.head_norm(q), self.head_norm(k)
        q, k = rotate(q, context.rope), rotate(k, context.rope)
        if self.fusion == "joint":
            y = F.scaled_dot_product_attention(q, k, v, context.mask)  # (B, H, N, E)
        else:
            tokens = (torch.split(z, context.sides, dim=2) for z in (q, k, v))
            masks = (None, None) if context.mask is None else torch.split(context.mask, context.sides, dim=3)
            sides = zip(*tokens, masks, strict=True)
            y = torch.cat([F.scaled_dot_product_attention(*side) for side in sides], dim=2)
        return y.transpose(1, 2).flatten(2)  # (B, N, D)

    def cross_attend(self, x: Tensor, context: Context) -> Tensor:
        """Adds cross-attention from audio to video and from video to audio, in parallel: (B, N, D) -> (B, N, D)."""
        audio, *texts, video = torch.split(x, context.streams, dim=1)
        audio_rope, *_, video_rope = torch.split(context.rope, context.streams, dim=2)
        from_video = self.audio_cross(audio, video, (audio_rope, video_rope), None)  # (B, A, D)
        from_audio = self.video_cross(video, audio, (video_rope, audio_rope), None)  # (B, V, D)
        return torch.cat([audio + from_video, *texts, video + from_audio], dim=1)

    def read_text(self, x: Tensor, context: Context) -> Tensor:
        """Adds cross-attention from audio and from video to the text: (B, N, D) -> (B, N, D)."""
        audio, video = torch.split(x, context.sides, dim=1)
        audio = audio + self.audio_text(audio, context.words, None, context.words_mask)
        video = video + self.video_text(video, context.words, None, context.words_mask)
        return torch.cat([audio, video], dim=1)
