"""Reads a rubric: which questions a judge is asked of a clip, how it answers, and what of the clip it is given."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jova_bench.digests import short_digest
from jova_bench.errors import BenchError, Undefined
from jova_bench.files.reading import as_record, read_toml
from jova_bench.formatting.messages import FieldFault, shown, suggest
from jova_bench.metrics.judge.given import Given
from jova_bench.prompts import Prompt
from jova_bench.records import LARGEST_VALUE, Direction, FileRecord, Record
from jova_bench.web.chat import ChatServer

SHIPPED = Path(__file__).parent / "rubrics"
URL_VARIABLE, MODEL_VARIABLE = "JOVA_BENCH_JUDGE_URL", "JOVA_BENCH_JUDGE_MODEL"
"""Server of the questions that name none."""
KEY_VARIABLE = "JOVA_BENCH_JUDGE_KEY"
"""Key of the server that `URL_VARIABLE` names: a rubric, which may be another's, sends it nowhere else."""
OURS = ("model", "messages", "n", "stream", "logprobs", "top_logprobs")
"""Fields of a request that no rubric sets."""
FILLED = ("video_caption", "audio_caption", "transcript")
"""Fields of a prompt that may stand in a question, in braces."""
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")
YesNo = Literal["yes/no"]
Bound = Annotated[float, Field(ge=-LARGEST_VALUE, le=LARGEST_VALUE)]


class NoServer(BenchError):
    """Raised where neither rubric nor environment names a server."""


class Server(Record):
    """Where a question is asked. No part of a metric's identity, which has the model as its server states it."""

    url: str
    """Beginning of the address, up to `/v1`."""
    model: str
    """What the server is asked for."""
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """Seconds of silence after which an answer counts as lost."""

    def chat(self) -> ChatServer:
        """Returns it as something to ask. Raises BenchError for an address that is none."""
        return ChatServer(self.url, self.model, KEY_VARIABLE, self.timeout_s, os.environ.get(URL_VARIABLE, ""))


class Question(Record):
    """One question: a column `judge_ID`."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    """What the column is called after `judge_`."""
    ask: Annotated[str, Field(min_length=1)]
    """The question, and how it is to be answered. `{video_caption}`, `{audio_caption}` and `{transcript}` stand for
    the prompt's; a clip without them is undefined."""
    give: Annotated[tuple[Given, ...], Field(min_length=1)]
    """What of the clip comes before the question: `frames`, `sound`, or both as one file, `video`."""
    scale: YesNo | tuple[Bound, Bound] = "yes/no"
    """`yes/no`, or the least and the largest number that is an answer."""
    direction: Direction = "up"
    """Whether more (of yes, or of the number) is better, less is, or the real clips' value is the target."""
    server: Server | None = None
    """Where this question is asked, where it is not where the others are."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> Question:
        for found in _BRACES.findall(self.ask):
            if found[1:-1] not in FILLED:
                fields = " or ".join(f"{{{name}}}" for name in FILLED)
                raise FieldFault("ask", f"expected braces around {fields} alone, got {shown(found)}")
        if not isinstance(self.scale, str) and not self.scale[0] < self.scale[1]:
            raise FieldFault("scale", f"expected a lesser and a larger number, got {list(self.scale)}")
        if len(set(self.give)) < len(self.give):
            raise FieldFault("give", f"expected each once, got {list(self.give)}")
        return self

    @property
    def fields(self) -> tuple[str, ...]:
        """Returns the fields of the prompt that stand in the question."""
        return tuple(name for name in FILLED if f"{{{name}}}" in self.ask)

    def filled(self, prompt: Prompt | None) -> str:
        """Returns the question about the clip of a prompt. Raises Undefined where the prompt lacks a part of it."""
        texts = {f"{{{name}}}": getattr(prompt, name, "").strip() for name in self.fields}
        for name, text in texts.items():
            if not text:
                raise Undefined(f"no {name[1:-1].replace('_', ' ')}")
        return _BRACES.sub(lambda found: texts[found[0]], self.ask)


class Rubric(FileRecord):
    """A file of questions."""

    schema_version: Literal[1] = Field(alias="schema")
    """Version of the format."""
    description: str = ""
    """One line on what is judged."""
    domain: str = "clips of any kind"
    """Clips for which the answers are valid."""
    instructions: str = ""
    """Message of the system before every question; none where empty."""
    frames: Annotated[int, Field(ge=1, le=256)] = 8
    """How many frames are given where a question gives `frames`."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """How often each question is asked of each clip; the value is the mean."""
    request: Mapping[str, Any] = Field(default_factory=dict)
    """Further fields of each request, as the server knows them, such as `temperature`; a `seed` is raised by 1 with
    each repeat."""
    server: Server | None = None
    """Where the questions are asked; where none is named, the environment's."""
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]
    """Each a column of its own."""

    @model_validator(mode="after")
    def _is_whole(self) -> Rubric:
        ids = [one.id for one in self.questions]
        if twice := next((one for one in ids if ids.count(one) > 1), None):
            raise FieldFault("questions", f"expected different ids, got {twice!r} twice")
        if set_by_us := [name for name in OURS if name in self.request]:
            raise FieldFault("request", f"expected fields other than {', '.join(OURS)}, got {set_by_us[0]!r}")
        if not isinstance(self.request.get("seed", 0), int):
            raise FieldFault("request", f"expected a whole number as seed, got {shown(self.request['seed'])}")
        try:
            json.dumps(self.request)
        except TypeError as error:
            raise FieldFault("request", "expected values of JSON, got a date or a time; write it as a text") from error
        return self

    def chat(self, question: Question) -> ChatServer:
        """Returns where a question is asked. Raises NoServer where neither file nor environment says so."""
        if server := question.server or self.server:
            return server.chat()
        url, model = (os.environ.get(name, "") for name in (URL_VARIABLE, MODEL_VARIABLE))
        if not url or not model:
            raise NoServer(
                f"expected a server for judge_{question.id}: set {URL_VARIABLE} and {MODEL_VARIABLE}, or name one in "
                "the rubric's [server]"
            )
        return Server(url=url, model=model).chat()

    def laid_down(self, question: Question) -> str:
        """Returns all that the rubric lays down for the answers to one question, as JSON.

        Other questions are asked in messages of their own and are no part of it; names, direction and server neither.
        """
        asked = question.model_dump(mode="json", include={"ask", "give", "scale"})
        about = {"instructions": self.instructions, "request": dict(self.request), **asked}
        if "frames" in question.give:
            about["frames"] = self.frames
        return json.dumps(about, sort_keys=True)

    def digest(self, question: Question) -> str:
        """Returns the digest of what is laid down."""
        return short_digest(self.laid_down(question).encode())


def shipped_rubrics() -> tuple[str, ...]:
    """Returns the names of the rubrics that ship with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def read_rubric(name_or_path: str) -> Rubric:
    """Reads a rubric by name, or any `.toml` file.

    Raises:
        BenchError: there is no such rubric, or a field of it is wrong (`FILE: field: ...`).
    """
    path = SHIPPED / f"{name_or_path}.toml" if name_or_path in shipped_rubrics() else Path(name_or_path)
    if path.suffix != ".toml":
        names = shipped_rubrics()
        raise BenchError(
            f"expected judge: with the name of a rubric or a .toml file, got {shown(name_or_path)}; "
            f"{suggest(name_or_path, names)}"
        )
    return as_record(Rubric, read_toml(path), str(path))
