"""Reads votes: which of two clips of one prompt a rater prefers, one answer to one question."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from jova_bench.errors import BenchError
from jova_bench.files.paths import shown_path
from jova_bench.files.reading import as_record, read_json_lines
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


def read_votes(paths: Sequence[str | os.PathLike[str]]) -> list[Vote]:
    """Reads files of votes; a line that stands in several of them counts once.

    Raises:
        BenchError: a file cannot be read, a line is no vote, a rater answers a question twice and not the same, or
            there are no votes.
    """
    found = [
        (as_record(Vote, _value(line), f"{path}:{number}"), f"{shown_path(path)}:{number}")
        for path in paths
        for number, line in read_json_lines(path)
    ]
    return distinct(found, f"expected votes, got none in {', '.join(map(shown_path, paths))}")


def distinct(found: Sequence[tuple[Vote, str]], none: str) -> list[Vote]:
    """Returns votes, each once.

    Args:
        found: votes, with where each stands.
        none: message where there are none.

    Raises:
        BenchError: a rater answers a question twice and not the same, or there are no votes.
    """
    by_key: dict[VoteKey, tuple[Vote, str]] = {}
    for vote, where in found:
        before, place = by_key.setdefault(vote.key, (vote, where))
        if _preferred(before) != _preferred(vote):
            models = " and ".join(sorted(vote.key.models))
            what = f"{vote.rater!r} on {vote.question!r} of {models} at prompt {vote.prompt_id!r}"
            raise BenchError(f"{where}: expected one answer of {what}, got another one at {place}; keep one")
    if not by_key:
        raise BenchError(none)
    return [vote for vote, _ in by_key.values()]


def _preferred(vote: Vote) -> str:
    """Returns the model that an answer names, or the answer."""
    return {"left": vote.left, "right": vote.right}.get(vote.answer, f"({vote.answer})")


def _value(line: object) -> object:
    if isinstance(line, BenchError):
        raise line
    return line
