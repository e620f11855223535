"""Names clips, columns and scores by what makes them unique."""

from __future__ import annotations

from typing import NamedTuple

from jova_bench.identity import Identity


class PromptSeed(NamedTuple):
    """Key of one clip among those of a model."""

    prompt_id: str
    seed: int


class SampleKey(NamedTuple):
    """Key of one clip."""

    model: str
    prompt_id: str
    seed: int

    @property
    def prompt_seed(self) -> PromptSeed:
        """Returns the key without the model."""
        return PromptSeed(self.prompt_id, self.seed)


class ColumnKey(NamedTuple):
    """Key of all that one metric found for one model."""

    model: str
    identity: Identity


class ScoreKey(NamedTuple):
    """Key of one metric of one clip."""

    sample: SampleKey
    identity: Identity

    @property
    def column(self) -> ColumnKey:
        """Returns the key of its column."""
        return ColumnKey(self.sample.model, self.identity)
