"""JoVA: one transformer over sound, picture and text.

Four groups of tokens run through every block, always in this order:

    [ audio | text-for-audio | text-for-video | video ]

The encoded text is forked into the two text groups, which then live separate lives. The first blocks have own
weights for each of the four groups; the later ones share a set between [audio; text-for-audio] and another
between [text-for-video; video]. In every block one self-attention joins all tokens: no cross-attention, no
fusion module (arXiv 2512.13677). The other `fusion` values exist to ask whether that matters.

Letters: B batch, L text tokens, A audio tokens, V video tokens, N = A + 2L + V, D width, H heads, E = D / H,
F latent frames, C channels.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova.codecs.base import load_weights, save_weights
from jova.config import JovaConfig
from jova.flow import Latents
from jova.layers import CrossAttention, GroupWeights, HeadNorm, TimeModulation, modulate, normalise, rope_table, rotate
from jova.text.speaking import SpeakingTime
from jova.text.words import FIRST_WORD, PARTS, TextTokens

KIND = "jova@3"
"""Format of a checkpoint; raised whenever old weights would mean something else."""


class Context(NamedTuple):
    """What every block of one forward pass needs beside the tokens."""

    groups: list[int]
    """Tokens of audio, text-for-audio, text-for-video, video."""
    time: Tensor
    """(B, 6, 1, D) timestep modulation."""
    rope: Tensor
    """(B, 1, N, E / 2) rotary positions."""
    mask: Tensor
    """(B, 1, 1, N) bool: False for padding, which nobody attends to."""

    @property
    def sides(self) -> list[int]:
        """Tokens of [audio; text-for-audio] and of [text-for-video; video]."""
        return [sum(self.groups[:2]), sum(self.groups[2:])]


class Block(nn.Module):
    """Joint self-attention between per-group projections, then per-group feed-forward."""

    def __init__(self, config: JovaConfig, *, shared: bool) -> None:
        super().__init__()
        self.heads, self.fusion, self.shared = config.heads, config.fusion, shared
        # Cross-attention costs 4 D^2 weights a modality; two widths of FFN (2 x 2 D^2) pay for it.
        ffn = config.ffn - 2 if config.fusion == "cross" else config.ffn
        widths = [ffn, ffn] if shared else [ffn, config.text_ffn, config.text_ffn, ffn]
        self.weights = nn.ModuleList(GroupWeights(config.width, width * config.width) for width in widths)
        self.head_norm = HeadNorm(config.head_size)
        if config.fusion == "cross":
            self.audio_cross = CrossAttention(config.width, config.heads)
            self.video_cross = CrossAttention(config.width, config.heads)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        sizes = context.sides if self.shared else context.groups
        weights: list[GroupWeights] = list(self.weights)  # type: ignore[arg-type]
        mods = [w.modulate(context.time) for w in weights]

        parts = torch.split(normalise(x), sizes, dim=1)  # each (B, n, D)
        qkv = [
            w.qkv(modulate(p, m.attention_shift, m.attention_scale))
            for w, p, m in zip(weights, parts, mods, strict=True)
        ]
        parts = torch.split(self.attend(torch.cat(qkv, dim=1), context), sizes, dim=1)
        seen = [m.attention_gate * w.attention_out(p) for w, p, m in zip(weights, parts, mods, strict=True)]
        x = x + torch.cat(seen, dim=1)
        if self.fusion == "cross":
            x = self.exchange(x, context)

        parts = torch.split(normalise(x), sizes, dim=1)
        thought = [
            m.ffn_gate * w.ffn(modulate(p, m.ffn_shift, m.ffn_scale))
            for w, p, m in zip(weights, parts, mods, strict=True)
        ]
        return x + torch.cat(thought, dim=1)

    def attend(self, qkv: Tensor, context: Context) -> Tensor:
        """Self-attention over all tokens (`joint`) or within each side: (B, N, 3D) -> (B, N, D)."""
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

    def exchange(self, x: Tensor, context: Context) -> Tensor:
        """Audio tokens look at video tokens and the reverse, both as they were: (B, N, D) -> (B, N, D)."""
        audio, *texts, video = torch.split(x, context.groups, dim=1)
        audio_rope, *_, video_rope = torch.split(context.rope, context.groups, dim=2)
        from_video = self.audio_cross(audio, video, audio_rope, video_rope)  # (B, A, D)
        from_audio = self.video_cross(video, audio, video_rope, audio_rope)  # (B, V, D)
        return torch.cat([audio + from_video, *texts, video + from_audio], dim=1)


class Head(nn.Module):
    """From tokens of one modality to its data."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.zeros(2, 1, width))
        self.out = nn.Linear(width, channels)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(B, n, D), (B, 6, 1, D) -> (B, n, channels)."""
        shift, scale = (time[:, :2] + self.modulation).unbind(1)
        return self.out(modulate(normalise(x), shift, scale))


class TextEmbedding(nn.Module):
    """A word is the sum of what it means, of the part of the prompt that it is in, and of its place there."""

    def __init__(self, config: JovaConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(FIRST_WORD + len(config.vocabulary), config.width)
        self.parts = nn.Embedding(len(PARTS), config.width)
        self.positions = nn.Embedding(config.words_per_part, config.width)

    def forward(self, text: TextTokens) -> Tensor:
        """(B, L) -> (B, L, D)."""
        return self.words(text.ids) + self.parts(text.parts) + self.positions(text.positions)


class Jova(nn.Module):
    """Guesses clean video and audio latents from noisy ones, given text and perhaps a first frame."""

    video_rope: Tensor
    audio_rope: Tensor

    def __init__(self, config: JovaConfig) -> None:
        super().__init__()
        self.config = config
        cells = config.patch**2
        # Channels of a video token: [noisy | condition | mask], see flow.image_condition.
        self.video_in = nn.Linear(cells * (2 * config.video_channels + 1), config.width)
        self.audio_in = nn.Linear(config.audio_channels, config.width)
        self.text_in = TextEmbedding(config)
        self.speaking = SpeakingTime(FIRST_WORD + len(config.vocabulary))
        self.time = TimeModulation(config.width)
        self.blocks = nn.ModuleList(Block(config, shared=i >= config.separate_blocks) for i in range(config.blocks))
        self.video_head = Head(config.width, cells * config.video_channels)
        self.audio_head = Head(config.width, config.audio_channels)

        video, audio = positions(config)
        self.register_buffer("video_rope", rope_table(video, config.head_size), persistent=False)  # (V, E / 2)
        self.register_buffer("audio_rope", rope_table(audio, config.head_size), persistent=False)  # (A, E / 2)
        self.reset()

    def reset(self) -> None:
        """Initial weights: unit variance into every layer, small residual branches (GPT-2), silent heads."""
        branch = 1 / math.sqrt(2 * self.config.blocks)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                gain = branch if name.endswith(("attention_out", "ffn_out")) else 1.0
                nn.init.normal_(module.weight, std=gain / math.sqrt(module.in_features))
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=1 / math.sqrt(3))
        # The timestep says nothing at first, and the first guess is zero: the mean of normalised latents.
        for out in (self.time.out, self.video_head.out, self.audio_head.out):
            nn.init.zeros_(out.weight)

    def forward(self, noisy: Latents, time: Tensor, text: TextTokens, image: Tensor | None = None) -> Latents:
        """Guesses the data.

        Args:
            noisy: latents x_t, video (B, F, h, w, C) and audio (B, A, C).
            time: (B,) t in [0, 1]; 0 is noise.
            text: (B, L) words.
            image: (B, F, h, w, C + 1) reference image as `flow.image_condition` makes it, or None.

        Returns:
            x_hat of the same shapes as `noisy`.
        """
        if image is None:
            image = noisy.video.new_zeros(*noisy.video.shape[:-1], noisy.video.shape[-1] + 1)
        video = self.video_in(self.patchify(torch.cat([noisy.video, image], dim=-1)))  # (B, V, D)
        audio = self.audio_in(noisy.audio)  # (B, A, D)
        words = self.text_in(text)  # (B, L, D), forked into two groups

        x = torch.cat([audio, words, words, video], dim=1)  # (B, N, D)
        context = self.context(time, text)
        for block in self.blocks:
            x = block(x, context)
        audio, _, _, video = torch.split(x, context.groups, dim=1)
        return Latents(self.unpatchify(self.video_head(video, context.time)), self.audio_head(audio, context.time))

    def save(self, path: Path) -> None:
        """Stores the weights in bfloat16, with the config inside."""
        tensors = {name: tensor.to(torch.bfloat16) for name, tensor in self.state_dict().items()}
        save_weights(path, tensors, self.config, KIND)

    @classmethod
    def load(cls, path: Path) -> Jova:
        """Reads a file of `save`; ready for inference."""
        config, tensors = load_weights(path, KIND, JovaConfig.from_fields)
        model = cls(config)
        model.load_state_dict(tensors)
        return model.eval().requires_grad_(False)

    def context(self, time: Tensor, text: TextTokens) -> Context:
        """Modulation, positions and mask of one forward pass.

        For sound that is to be made, words of the transcript stand where they are said; all others stand at
        position (0, 0, 0).
        """
        (batch, words), config = text.ids.shape, self.config
        groups = [len(self.audio_rope), words, words, len(self.video_rope)]
        said = text.times_s * config.timeline.audio_tokens_per_s * (config.task == "joint")  # (B, L)
        spoken = rope_table(F.pad(said.reshape(-1, 1), (0, 2)), config.head_size).view(batch, words, -1)
        silent = torch.ones_like(spoken)
        rope = torch.cat(
            [self.audio_rope.expand(batch, -1, -1), spoken, silent, self.video_rope.expand(batch, -1, -1)], dim=1
        )  # (B, N, E / 2)
        real, audio, video = text.mask, groups[0], groups[-1]
        mask = torch.cat([F.pad(real, (audio, 0), value=True), F.pad(real, (0, video), value=True)], dim=1)  # (B, N)
        return Context(groups, self.time(time), rope[:, None], mask[:, None, None])

    def patchify(self, video: Tensor) -> Tensor:
        """(B, F, h, w, C) -> (B, V, p p C): p x p cells make a token."""
        (batch, frames, *_, channels), side, p = video.shape, self.config.tokens_per_side, self.config.patch
        cells = video.reshape(batch, frames, side, p, side, p, channels).transpose(3, 4)
        return cells.reshape(batch, frames * side * side, p * p * channels)

    def unpatchify(self, tokens: Tensor) -> Tensor:
        """(B, V, p p C) -> (B, F, h, w, C), the inverse of `patchify`."""
        side, p = self.config.tokens_per_side, self.config.patch
        cells = tokens.view(len(tokens), -1, side, side, p, p, self.config.video_channels).transpose(3, 4)
        return cells.reshape(len(tokens), *self.config.video_shape)


def positions(config: JovaConfig) -> tuple[Tensor, Tensor]:
    """(t, y, x) of every video token (V, 3) and every audio token (A, 3).

    Aligned: t is the centre of what the token covers, in units of audio tokens, so one instant has one position.
    Independent: t is the token's own index in its stream, so picture and sound drift apart.
    """
    clock, side = config.timeline, config.tokens_per_side
    if config.positions == "aligned":
        video_t = torch.tensor(clock.latent_times_s) * clock.audio_tokens_per_s
        audio_t = torch.tensor(clock.audio_times_s) * clock.audio_tokens_per_s
    else:
        video_t = torch.arange(clock.latent_frames, dtype=torch.float32)
        audio_t = torch.arange(clock.audio_tokens, dtype=torch.float32)
    grid = torch.arange(side, dtype=torch.float32)
    video = torch.cartesian_prod(video_t, grid, grid)  # (V, 3)
    return video, F.pad(audio_t[:, None], (0, 2))  # (A, 3)
