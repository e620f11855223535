"""Draws the edits of a training: for a share of its examples, cells that are given instead of made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Generator

from jova.config import Edit, JovaConfig
from jova.edits import Made, made_mouth, made_picture, made_sound, made_speech
from jova.flow import Batch, Given

EDITS: tuple[Edit, ...] = get_args(Edit)
SPAN_S = (0.3, 1.5)
"""Shortest and longest span of speech that is made, in seconds."""
WIDER = 2
"""Largest number of cells by which a side of the mouth's box is moved outward: a box given in sampling is not exact."""


def draw_kept(
    config: JovaConfig, batch: Batch, share: float, generator: Generator, edits: Sequence[Edit] = EDITS
) -> Given:
    """Draws for each example whether it is edited, and how; of the others nothing is given.

    Args:
        config: of the model.
        batch: the examples.
        share: probability of an edit.
        generator: on the CPU. Every example takes the same number of draws.
        edits: kinds, each as likely as the others.
    """
    video, audio = [], []
    for row in range(len(batch.mouth)):
        edited, kind, length, start = torch.rand(4, generator=generator).tolist()
        wider = torch.randint(0, WIDER + 1, (4,), generator=generator).tolist()
        if edited >= share:
            made = Made(made_picture(config).video, made_sound(config).audio)
        else:
            made = _made_cells(config, batch, row, edits[int(kind * len(edits))], (length, start), wider)
        video.append(~made.video)
        audio.append(~made.audio)
    device = batch.data.video.device
    return Given(batch.data, torch.stack(video).to(device), torch.stack(audio).to(device))


def _made_cells(
    config: JovaConfig, batch: Batch, row: int, edit: Edit, share: tuple[float, float], wider: Sequence[int]
) -> Made:
    """Returns what of an example is made, from draws in [0, 1) of a span's length and start, and of a box's margins."""
    if edit == "picture" or (edit == "mouth" and not batch.mouth[row].any()):  # no mouth is in the picture
        return made_picture(config)
    if edit == "sound":
        return made_sound(config)
    if edit == "mouth":
        above, below, left, right = wider
        return made_mouth(config, batch.mouth[row], (above, below, left, right))
    # Inside the speech; inside the clip where the span of the speech is unknown. Corpora hold no word boundaries.
    begin, end = batch.text.spans[row].tolist()
    if end <= begin:
        begin, end = 0.0, config.timeline.seconds
    length_s = SPAN_S[0] + share[0] * (SPAN_S[1] - SPAN_S[0])
    start_s = begin + share[1] * max(0.0, end - begin - length_s)
    return made_speech(config, start_s, start_s + length_s)
