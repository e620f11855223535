"""Masks of edits: which cells of a clip's latents are made, while the rest is given.

    speech     every cell of a span of time, in picture and sound
    mouth      the cells of a box, in every latent frame; no sound
    picture    every cell of the picture; no sound
    sound      every token of the sound; no picture

Spans and boxes are rounded outward to whole cells. Training draws such masks, and sampling takes them from an edit.

Letters: F latent frames, h x w cells of a latent frame, A audio tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jova.config import JovaConfig


class Made(NamedTuple):
    """Cells of one clip that are made."""

    video: Tensor
    """(F, h, w) bool."""
    audio: Tensor
    """(A,) bool."""


def made_speech(config: JovaConfig, start_s: float, end_s: float) -> Made:
    """Returns the cells that cover any part of a span of time, in seconds."""
    video, audio = _none(config)
    for mask, stream in ((video, config.timeline.video), (audio, config.timeline.audio)):
        for index in range(len(mask)):
            span, rate = stream.span(index), float(stream.units_per_s)
            mask[index] = span.start < end_s * rate and span.stop > start_s * rate
    return Made(video, audio)


def made_mouth(config: JovaConfig, mouth: Tensor, wider: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Made:
    """Returns the cells of the box around the mouth's area in the whole clip.

    Args:
        config: of the model.
        mouth: (F, h, w) mask of `jova.mouth_loss`; above 0 where a cell touches the mouth.
        wider: cells by which the box is wider above, below, left and right; it is cut at the edges of the picture.

    Raises:
        ValueError: no cell touches the mouth.
    """
    video, audio = _none(config)
    rows, columns = (torch.nonzero(mouth.amax(dim=axes) > 0).flatten().tolist() for axes in ((0, 2), (0, 1)))
    if not rows:
        raise ValueError("expected a mouth inside the picture, got none")
    above, below, left, right = wider
    box = (
        slice(max(0, rows[0] - above), rows[-1] + 1 + below),
        slice(max(0, columns[0] - left), columns[-1] + 1 + right),
    )
    video[:, *box] = True
    return Made(video, audio)


def made_picture(config: JovaConfig) -> Made:
    """Returns all cells of the picture, and none of the sound."""
    video, audio = _none(config)
    return Made(~video, audio)


def made_sound(config: JovaConfig) -> Made:
    """Returns all tokens of the sound, and no cell of the picture."""
    video, audio = _none(config)
    return Made(video, ~audio)


def _none(config: JovaConfig) -> Made:
    shapes = config.video_shape[:-1], config.audio_shape[:-1]
    return Made(*(torch.zeros(shape, dtype=torch.bool) for shape in shapes))
