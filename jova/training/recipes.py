"""Default training of each preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jova.training.model import TrainConfig


@dataclass(frozen=True)
class Recipe:
    """Training hyperparameters, and the number of training clips."""

    clips: int
    training: TrainConfig


ABLATION = Recipe(
    # Steps and examples are fixed, so that arms are comparable. So few examples need small batches (eight learned as
    # much from 4,800 examples as sixteen from 6,400), a high learning rate that decays early, and a short EMA.
    # Checkpoints are frequent, because a training takes minutes.
    4000,
    TrainConfig(steps=2500, batch=8, lr=2e-3, warmup=100, decay=0.5, ema_decay=0.99, save_every_s=30),
)
"""Training of every model for ablations."""

RECIPES: Mapping[str, Recipe] = {
    "tiny": Recipe(8000, TrainConfig(steps=3000)),
    "ablation": ABLATION,
    "ablation-patch4": ABLATION,
}
"""Recipes by name of the preset."""
