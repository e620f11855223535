"""Names clips, columns, scores and slices by what makes them unique."""

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


class Slice(NamedTuple):
    """Names the prompts that have a value of a tag; its text is `tag=value`."""

    tag: str
    value: str

    def __str__(self) -> str:
        return f"{self.tag}={self.value}"

    @classmethod
    def parse(cls, text: str) -> Slice:
        """Reads the text of an estimate. A value may have a `=`, as `E=mc2` has."""
        tag, _, value = text.partition("=")
        return cls(tag, value)


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
