"""Tells which modality a weight belongs to, so that one can be trained while the other stays as it is."""

from __future__ import annotations

import re
from typing import Literal

from torch import nn

from jova.training.config import Trains

Owner = Literal["audio", "video", "both"]

AUDIO_LAYERS = {4: (0, 1), 2: (0,)}
"""Sets of weights of audio and text-for-audio among the four of a separate block and the two of a shared one."""
LAYERS = re.compile(r"(blocks\.\d+\.[a-z_]+)\.(\d+)\.")
"""Weights of one of a block's sets, such as `blocks.3.weights.0.qkv.bias`: what precedes the set's number, and that."""


def owners(model: nn.Module) -> dict[str, Owner]:
    """Returns which modality reads each parameter of a model: audio with its text, video with its, or both.

    Both read the embeddings of text and time, and what blocks share.
    """
    names = [name for name, _ in model.named_parameters()]
    sets: dict[str, int] = {}
    for match in filter(None, map(LAYERS.match, names)):
        sets[match[1]] = max(sets.get(match[1], 0), int(match[2]) + 1)
    return {name: _owner(name, sets) for name in names}


def _owner(name: str, sets: dict[str, int]) -> Owner:
    for part in name.split("."):
        if part.startswith("audio_"):
            return "audio"
        if part.startswith("video_"):
            return "video"
    if match := LAYERS.match(name):
        return "audio" if int(match[2]) in AUDIO_LAYERS[sets[match[1]]] else "video"
    return "both"


def freeze(model: nn.Module, trains: Trains) -> None:
    """Freezes the weights that a training does not move: without gradients the optimiser leaves them as they are.

    A training of one modality moves what that one alone reads. What both read belongs to the other, too, and so stays.
    """
    for name, owner in owners(model).items():
        model.get_parameter(name).requires_grad_(trains in ("joint", owner))
