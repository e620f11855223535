"""Defines votes: which of two clips of one prompt a rater prefers, one answer to one question."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from jova_bench.formatting.messages import FieldFault
from jova_bench.records import Id, Record, Seed

Answer = Literal["left", "right", "same", "broken"]
"""`same`: neither is better. `broken`: a clip does not play, so that the question has no answer."""


class VoteKey(NamedTuple):
    """What a rater answers once."""

    rater: str
    prompt_id: str
    seed: int | None
    question: str
    models: frozenset[str]


class Vote(Record):
    """One rater's answer to one question on two clips of a prompt: a line of a file of votes."""

    rater: Id
    """Name of the rater; an alias will do."""
    prompt_id: Id
    """Id of the prompt that both clips answer."""
    question: Id
    """Name of the question, such as `sync`."""
    left: Id
    """Model of the clip on the left."""
    right: Id
    """Model of the clip on the right."""
    answer: Answer
    """Which clip is better."""
    expected: Literal["left", "right"] | None = None
    """The right answer of an attention check; None for a vote."""
    seed: Seed | None = None
    """Sampling seed of both clips; None where there is one alone."""
    seconds: Annotated[float, Field(ge=0)] | None = None
    """Time from the first view of the pair to its answers."""

    @model_validator(mode="after")
    def _of_two(self) -> Vote:
        if self.left == self.right:
            raise FieldFault("right", f"expected another model than on the left, got {self.right!r} on both sides")
        return self

    @property
    def key(self) -> VoteKey:
        """Returns what is answered, whichever clip is on the left."""
        return VoteKey(self.rater, self.prompt_id, self.seed, self.question, frozenset((self.left, self.right)))
