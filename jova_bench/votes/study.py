"""Defines a blind study: what is asked, the key to its clips, and answers, which name clips by numbers alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from jova_bench.errors import BenchError
from jova_bench.files.paths import shown_path
from jova_bench.files.reading import as_record, read_json, read_json_lines, read_toml
from jova_bench.formatting.messages import FieldFault
from jova_bench.records import FileRecord, Id, Record, Seed
from jova_bench.votes.records import Answer, Vote

KEY, ANSWERS, PAGES, TOKENS = "key.json", "answers", "pages", "raters.json"
"""Files of a study's folder: only `pages` is for raters."""
SHIPPED = Path(__file__).parent / "questions.toml"
Control = Literal["shuffled", "still", "silence", "shifted"]


class Asked(Record):
    """A question on every pair."""

    id: Id
    """Name of the question in votes."""
    text: Annotated[str, Field(min_length=1, max_length=300)]
    """What the page asks."""
    checks: tuple[Control, ...] = ()
    """Controls that are plainly worse than `real` here: such pairs are attention checks."""


class Ask(Record):
    """What a study asks: a file of questions."""

    pairs: Annotated[int, Field(ge=1)] = 20
    """Pairs of each rater, without checks."""
    checks: Annotated[int, Field(ge=0)] = 3
    """Attention checks of each rater, where the run has the controls."""
    models: tuple[Id, ...] = ()
    """Models that are compared; without any all that are no controls."""
    questions: Annotated[tuple[Asked, ...], Field(min_length=1, max_length=9)]
    """Asked on every pair, in this order."""

    @model_validator(mode="after")
    def _unique(self) -> Ask:
        names = [one.id for one in self.questions]
        if len(set(names)) < len(names):
            raise FieldFault("questions", f"expected different ids, got {', '.join(names)}")
        return self


class ShownClip(Record):
    """What a clip of a study is."""

    model: Id
    """Model that made it."""
    prompt_id: Id
    """Prompt that it answers."""
    seed: Seed
    """Sampling seed."""


class Key(FileRecord):
    """What stands behind the numbers of a study's clips: `key.json`, which raters must not see."""

    schema_version: Literal[1] = Field(1, alias="schema")
    """Version of the format."""
    study: str
    """Number of the study, which every answer repeats."""
    suite: str
    """Name of the run's suite."""
    questions: tuple[Asked, ...]
    """Questions of the study."""
    booklets: int
    """Lists of pairs, of which each rater gets one."""
    clips: Mapping[str, ShownClip]
    """Clips by number."""


class Given(Record):
    """One answer as a page stores it: a line of a file in `answers`."""

    study: str
    """Number of the study."""
    rater: Id
    """Name of the rater."""
    question: Id
    """Id of the question."""
    left: str
    """Number of the clip on the left."""
    right: str
    """Number of the clip on the right."""
    answer: Answer
    """Which clip is better."""
    seconds: Annotated[float, Field(ge=0)]
    """Time from the first view of the pair to its answers."""


def read_ask(path: str | os.PathLike[str] | None) -> Ask:
    """Reads a file of questions; None for those that ship. Raises BenchError for anything else."""
    path = SHIPPED if path is None else path
    return as_record(Ask, read_toml(path), shown_path(path))


def read_key(folder: Path) -> Key:
    """Reads the key of a study. Raises BenchError if the folder has none."""
    if not (folder / KEY).is_file():
        what = "the folder of a study, as `report --vote` writes it"
        raise BenchError(f"expected {what}, got {shown_path(folder)}, which has no {KEY}")
    return as_record(Key, read_json(folder / KEY), str(folder / KEY))


def read_answers(folder: Path) -> list[tuple[Vote, str]]:
    """Reads all answers of a study as votes, each with where it stands; `broken` checks and other answers to them go.

    Raises:
        BenchError: the folder is no study, or a line is no answer to it.
    """
    key, found = read_key(folder), []
    for path in sorted((folder / ANSWERS).glob("*.jsonl")):
        for number, line in read_json_lines(path):
            where = f"{path}:{number}"
            if isinstance(line, BenchError):
                raise line
            vote = opened(key, as_record(Given, line, where), where)
            if vote is not None:
                found.append((vote, where))
    return found


def opened(key: Key, given: Given, where: str) -> Vote | None:
    """Returns an answer with the models that it names; None for one to a check that has no right answer.

    Raises:
        BenchError: the answer is not of this study.
    """
    questions = {one.id: one for one in key.questions}
    if given.study != key.study or given.question not in questions or not {given.left, given.right} <= key.clips.keys():
        raise BenchError(
            f"{where}: expected an answer to the study {key.study}, got one to {given.study} or a damaged one"
        )
    left, right = key.clips[given.left], key.clips[given.right]
    if left.model == right.model or (left.prompt_id, left.seed) != (right.prompt_id, right.seed):
        raise BenchError(f"{where}: expected clips of two models and one prompt, got {given.left} and {given.right}")
    controls = {left.model, right.model} - {"real"}
    check = check_of(left.model, right.model)
    if check and not controls <= set(questions[given.question].checks):
        return None
    return Vote(
        rater=given.rater,
        prompt_id=left.prompt_id,
        seed=left.seed,
        question=given.question,
        left=left.model,
        right=right.model,
        answer=given.answer,
        expected=("left" if left.model == "real" else "right") if check else None,
        seconds=given.seconds,
    )


def check_of(left: str, right: str) -> bool:
    """Returns whether a pair is an attention check: `real` beside a control."""
    return "real" in (left, right) and bool({left, right} & {"shuffled", "still", "silence", "shifted"})
