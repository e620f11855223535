"""How each preset is trained unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jova.training.model import TrainConfig


@dataclass(frozen=True)
class Recipe:
    """A training, and how many clips it sees."""

    clips: int
    training: TrainConfig


RECIPES: Mapping[str, Recipe] = {
    "tiny": Recipe(8000, TrainConfig(steps=3000)),
    # Fixed steps and examples, so that arms compare. So few examples want small batches (eight learned as much from
    # 4,800 examples as sixteen from 6,400), a high rate that falls early, and a short average. States often, because a
    # training takes minutes.
    "ablation": Recipe(
        4000, TrainConfig(steps=2500, batch=8, rate=2e-3, warmup=100, decay=0.5, ema=0.99, save_every_s=30)
    ),
}
"""By the name of the preset."""
