"""JoVA: one transformer over audio, video and text (arXiv 2512.13677).

The embedded text is forked into two streams, text-for-audio and text-for-video, so that four streams of tokens run
through the blocks of `jova.joint_attention`. The first blocks are separate (own weights per stream); the later ones
share a set of weights between [audio; text-for-audio] and another between [text-for-video; video]. In every block one
self-attention joins all tokens: no cross-attention, no fusion module.

Letters: B batch, L text tokens, A audio tokens, V video tokens, N = A + 2L + V, D width, H heads, E = D / H,
F latent frames, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jova.codecs.base import fill, load_config, load_weights, save_weights
from jova.config import JovaConfig
from jova.flow import Given, Latents, data_of, shifted
from jova.joint_attention import Context, JointBlock
from jova.layers import LearnedPositions, OwnAdaLN, TimeEmbedding, modulate, normalise, rope_table
from jova.text import TextBatch
from jova.text.duration import DurationPredictor
from jova.text.embedding import TextEmbedding, TextProjection
from jova.text.words import FIRST_WORD

KIND = "jova@4"
"""Format of a checkpoint; the number is raised whenever its config or its weights are written otherwise."""
READ_KINDS = ("jova@3", KIND)
"""Formats that are read: `jova@3` has squares only, and audio tokens of whole frames."""


AUDIO_PLACE, TEXT_PLACE = -1, -2
"""Row and column of audio and of text with positions `offset`: off the picture, whose tokens count from 0."""


class Head(nn.Module):
    """Output layer of one modality: adaptive LayerNorm and a linear projection to its data (DiT's final layer)."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.zeros(2, 1, width))
        self.out = nn.Linear(width, channels)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Maps tokens (B, n, D) and modulation (B, 6, 2 or 1, 1, D) to data (B, n, channels)."""
        shift, scale = (time[:, :2] + self.modulation).unbind(1)
        return self.out(modulate(normalise(x), shift, scale))


class Jova(nn.Module):
    """Predicts clean video and audio latents from noisy ones, given text and optionally parts of the clip."""

    def __init__(self, config: JovaConfig) -> None:
        super().__init__()
        self.config, self.shifts = config, config.shifts
        cells = config.patch**2
        # Channels of a token: [noisy | condition | mask], see flow.Given; of audio only in a model that edits.
        self.video_in = nn.Linear(cells * (2 * config.video_channels + 1), config.width)
        self.audio_in = nn.Linear(config.audio_channels * (1 + config.editing) + config.editing, config.width)
        self.text_in = TextProjection(config) if config.text_channels else TextEmbedding(config)
        self.speaking = DurationPredictor(FIRST_WORD + len(config.vocabulary)) if config.vocabulary else None
        self.time = TimeEmbedding(config)
        self.blocks = nn.ModuleList(
            JointBlock(config, shared=i >= config.separate_blocks) for i in range(config.blocks)
        )
        self.video_head = Head(config.width, cells * config.video_channels)
        self.audio_head = Head(config.width, config.audio_channels)
        self.places = LearnedPositions(config) if config.learned_positions else None
        self.init_weights()

    def init_weights(self) -> None:
        """Initialises all weights: unit variance into every layer, small residual branches (GPT-2), zero heads."""
        branch = 1 / math.sqrt(2 * self.config.blocks)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                gain = branch if name.endswith(("attention_out", "ffn_out")) else 1.0
                nn.init.normal_(module.weight, std=gain / math.sqrt(module.in_features))
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=1 / math.sqrt(3))
            elif isinstance(module, OwnAdaLN):
                module.reset()
        # At first the timestep has no effect, and the prediction is zero: the mean of normalised latents.
        for out in (self.time.out, self.video_head.out, self.audio_head.out):
            nn.init.zeros_(out.weight)

    def forward(self, noisy: Latents, time: Tensor, text: TextBatch, given: Given | None = None) -> Latents:
        """Predicts the data of clips of one length and size, which may be another than the config's.

        Args:
            noisy: latents x_t, video (B, F, h, w, C) and audio (B, A, C).
            time: (B,) t in [0, 1]; 0 is noise.
            text: of B clips, padded to L tokens.
            given: cells of the clips that are given, such as a reference image; given audio is read only by a model
                that edits.

        Returns:
            x_hat of the same shapes as `noisy`.
        """
        condition = (given or Given.nothing(noisy)).channels()
        video = self.video_in(self.patchify(torch.cat([noisy.video, condition.video], dim=-1)))  # (B, V, D)
        sound = torch.cat([noisy.audio, condition.audio], dim=-1) if self.config.editing else noisy.audio
        audio = self.audio_in(sound)  # (B, A, D)
        if self.places is not None:
            _, frames, height, width, _ = noisy.video.shape
            video = video + self.places(frames, height // self.config.patch, width // self.config.patch)
        words = self.text_in(text)  # (B, L, D), forked into two streams

        context = self.context(noisy, time, text)._replace(words=words)
        streams = [audio, words, words, video] if self.config.text_attention == "joint" else [audio, video]
        x = torch.cat(streams, dim=1)  # (B, N, D)
        for block in self.blocks:
            x = block(x, context)
        audio, _, _, video = torch.split(x, context.streams, dim=1)
        video = self.unpatchify(self.video_head(video, context.head_time), noisy.video.shape)
        guess = Latents(video, self.audio_head(audio, context.head_time))
        if self.config.prediction == "x":
            return guess
        paths = zip(guess, noisy, self.shifts, strict=True)
        return Latents(*(data_of(v, x_t, shifted(time, shift)) for v, x_t, shift in paths))

    def save(self, path: Path, made_by: Mapping[str, str] | None = None) -> None:
        """Writes the weights, see `write`."""
        write(path, self.state_dict(), self.config, made_by)

    @classmethod
    def load(cls, path: Path) -> Jova:
        """Reads a file written by `save`; returns the model ready for inference."""
        config, tensors = load_weights(path, READ_KINDS, JovaConfig.from_fields)
        model = cls(config)
        fill(model, tensors, path)
        return model.eval().requires_grad_(False)

    def context(self, noisy: Latents, time: Tensor, text: TextBatch) -> Context:
        """Returns modulation, positions and attention mask of one forward pass.

        In text-for-audio, words of the transcript have the temporal position at which they are spoken; all other words
        have temporal position 0, and so have all words of a model that is given its audio or has free words.
        """
        (batch, words), config = text.mask.shape, self.config
        (_, frames, height, width, _), tokens = noisy.video.shape, noisy.audio.shape[1]
        tables = rope_tables(config, frames, height, width, tokens)
        video_rope, audio_rope = (table.to(time.device) for table in tables)
        times, head_time = self.time(time)
        real = text.mask
        context = Context([], times, head_time, video_rope, None, real.new_empty(0), None)
        if config.text_attention == "cross":
            streams = [len(audio_rope), 0, 0, len(video_rope)]
            rope = torch.cat([audio_rope, video_rope])[None, None]  # (1, 1, N, E / 2)
            padded = real.is_meta or not bool(real.all())
            return context._replace(streams=streams, rope=rope, words_mask=real[:, None, None] if padded else None)
        streams = [len(audio_rope), words, words, len(video_rope)]
        timed = config.task == "joint" and config.words == "timed"
        spoken_at = text.times_s * rate_of_positions(config) * timed  # (B, L)
        where = TEXT_PLACE if config.positions == "offset" else 0
        spoken, silent = (
            rope_table(F.pad(at.reshape(-1, 1), (0, 2), value=where), config).view(batch, words, -1)
            for at in (spoken_at, torch.zeros_like(spoken_at))
        )
        rope = torch.cat(
            [audio_rope.expand(batch, -1, -1), spoken, silent, video_rope.expand(batch, -1, -1)], dim=1
        )  # (B, N, E / 2)
        audio, video = streams[0], streams[-1]
        mask = torch.cat([F.pad(real, (audio, 0), value=True), F.pad(real, (0, video), value=True)], dim=1)  # (B, N)
        return context._replace(streams=streams, rope=rope[:, None], mask=mask[:, None, None])

    def patchify(self, video: Tensor) -> Tensor:
        """Joins p x p cells to a token: (B, F, h, w, C) -> (B, V, p p C)."""
        (batch, frames, height, width, channels), p = video.shape, self.config.patch
        cells = video.reshape(batch, frames, height // p, p, width // p, p, channels).transpose(3, 4)
        return cells.reshape(batch, -1, p * p * channels)

    def unpatchify(self, tokens: Tensor, shape: Sequence[int]) -> Tensor:
        """Inverts `patchify`: (B, V, p p C) -> (B, F, h, w, C), which is `shape`."""
        (batch, frames, height, width, channels), p = shape, self.config.patch
        cells = tokens.view(batch, frames, height // p, width // p, p, p, channels).transpose(3, 4)
        return cells.reshape(shape)


def write(
    path: Path, weights: Mapping[str, Tensor], config: JovaConfig, made_by: Mapping[str, str] | None = None
) -> None:
    """Writes weights in bfloat16, with the config and the fingerprints of the codecs in the metadata."""
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in weights.items()}
    save_weights(path, tensors, config, KIND, made_by)


def read_config(path: Path) -> JovaConfig:
    """Reads the hyperparameters alone of a file written by `Jova.save`; errors are those of `load_weights`."""
    return load_config(path, READ_KINDS, JovaConfig.from_fields)


@lru_cache(maxsize=64)
def rope_tables(config: JovaConfig, frames: int, height: int, width: int, tokens: int) -> tuple[Tensor, Tensor]:
    """Returns the rotary positions of video (V, E / 2) and audio tokens (A, E / 2), on the CPU; see `positions`."""
    with torch.inference_mode(False):  # Tables made while sampling may be used in training.
        video, audio = positions(config, frames, height, width, tokens)
        return rope_table(video, config), rope_table(audio, config)


def positions(config: JovaConfig, frames: int, height: int, width: int, tokens: int) -> tuple[Tensor, Tensor]:
    """Returns (t, y, x) of every video token (V, 3) and every audio token (A, 3).

    Aligned: t is the centre of what the token covers, in the config's unit, so one instant has one position, but for
    float32: within 2^-23 of the clock's exact seconds, 3e-7 s at 5 s.
    Independent: t is the token's own index in its stream, so that video and audio of one instant differ in position.
    Offset: as aligned, with audio at a row and a column that no picture has, whatever its size.

    Args:
        config: of the model.
        frames: F, number of latent frames.
        height: h, cells of a latent frame.
        width: w.
        tokens: A, number of audio tokens.
    """
    clock = config.timeline
    if config.positions != "independent":
        video_t, audio_t = (
            torch.tensor([float(stream.centre_s(index)) for index in range(count)]) * rate_of_positions(config)
            for stream, count in ((clock.video, frames), (clock.audio, tokens))
        )
    else:
        video_t = torch.arange(frames, dtype=torch.float32)
        audio_t = torch.arange(tokens, dtype=torch.float32)
    rows, columns = (torch.arange(side // config.patch, dtype=torch.float32) for side in (height, width))
    video = torch.cartesian_prod(video_t, rows, columns)  # (V, 3)
    where = AUDIO_PLACE if config.positions == "offset" else 0
    return video, F.pad(audio_t[:, None], (0, 2), value=where)  # (A, 3)


def rate_of_positions(config: JovaConfig) -> float:
    """Returns how many steps of the temporal position a second has."""
    clock = config.timeline
    return float((clock.audio if config.time_unit == "audio token" else clock.video).tokens_per_s)
