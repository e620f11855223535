"""Reads how each preset is trained from `recipes.toml`, which ships with the package."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jova.training.config import TrainConfig


@dataclass(frozen=True)
class Recipe:
    """Holds everything that determines a training but the seed and the number of threads."""

    clips: int
    """Number of training clips."""
    codec_steps: int
    """Steps of the video codec's network."""
    training: TrainConfig


def read_recipes(path: Path) -> dict[str, Recipe]:
    """Reads a TOML file of one table per preset; an unknown key is a TypeError."""

    def recipe(clips: int, codec_steps: int, **training: Any) -> Recipe:
        return Recipe(clips, codec_steps, TrainConfig(**training))

    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: recipe(**table) for name, table in tables.items()}


RECIPES: Mapping[str, Recipe] = read_recipes(Path(__file__).with_name("recipes.toml"))
"""Recipes by name of the preset."""
