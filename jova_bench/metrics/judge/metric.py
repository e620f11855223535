"""Judge: what a language model answers to one question of a rubric about a clip, as a number.

yes/no: P(yes) / (P(yes) + P(no)) of the answer where the server gives probabilities, else 1 or 0; a scale: the number.
The value of a clip is the mean over the rubric's repeats, all of which need an answer that can be read. Which of the
three it is, the model as the server states it, the digest of the question and its settings, and the number of repeats
are the identity; an answer of another model is a failure, after which nothing more is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache as once
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.cache import CacheKey, peek
from jova_bench.digests import short_digest
from jova_bench.errors import BenchError, Unavailable, Undefined
from jova_bench.formatting.messages import shown
from jova_bench.identity import Identity, NoIdentity
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.faces import opencv
from jova_bench.metrics.judge.answers import Answer, read_answer, value_of
from jova_bench.metrics.judge.given import Part, parts_of, text_part
from jova_bench.metrics.judge.names import PREFIX
from jova_bench.metrics.judge.rubric import NoServer, Question, Rubric, read_rubric
from jova_bench.metrics.judge.served import PROBABILITIES, Served, served, served_before, stated_model
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec
from jova_bench.web.chat import ChatServer
from jova_bench.web.server import NoAnswer

VERSION = 2
IN_A_ROW = 3
"""Answers that fail to come, one after the other, before a process asks no more: a server that hangs takes ten minutes
for each."""
OF_THE_QUESTION = (400, 413, 422)
"""Statuses that say that this question was wrong, or too long."""
Need = Literal["video", "audio", "transcript"]
NEEDS: Mapping[str, Need] = {"frames": "video", "sound": "audio", "video": "video", "transcript": "transcript"}
MEANS = {
    "p_yes": "probability of yes against no",
    "yes_share": "share of answers that are yes",
    "mean_number": "mean of the numbers answered",
}
"""What a value is, by the word for it in the identity."""


def build(context: MetricContext, rubric: str, question: str) -> Judge:
    """Builds the metric of one question.

    Args:
        context: its cache keeps what the server answers.
        rubric: name or file.
        question: id.

    Raises:
        BenchError: the rubric is wrong, or the server does not answer.
    """
    read = read_rubric(rubric)
    return Judge(context, read, next(one for one in read.questions if one.id == question))


class Judge(ClipMetric):
    """One question of a rubric."""

    def __init__(self, context: MetricContext, rubric: Rubric, question: Question) -> None:
        """Asks the server which model it is, unless the cache knows. Raises BenchError without an answer."""
        super().__init__(context)
        self.rubric, self.question = rubric, question
        self.server: ChatServer | None = None
        self._stopped: str | None = None
        """Why the server is asked no more."""
        digest = rubric.digest(question)
        try:
            self.server = rubric.chat(question)
            self.served = served(self.server, rubric.request, context.cache, digest)
        except NoServer as error:
            if (before := served_before(context.cache, digest)) is None:
                raise
            self.served, self._stopped = before, str(error)
        self.spec = _spec(rubric, question, self.served)
        self._failed = 0
        """How many answers did not come, one after the other."""

    def check(self) -> str | None:
        """Returns how to install OpenCV where it is missing and frames are given, else None."""
        return opencv.missing() if "frames" in self.question.give else None

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Returns the mean over the repeats, see the module."""
        asked = self.question.filled(prompt)

        @once
        def content() -> list[Part]:
            return [*parts_of(clip, self.question.give, self.rubric.frames), text_part(asked)]

        def answer(repeat: int) -> Answer:
            def compute() -> dict[str, npt.NDArray[np.uint8]]:
                return {"answer": np.frombuffer(self._ask(content(), repeat).model_dump_json().encode(), np.uint8)}

            return _read(self.cache.get(clip.digest, self._key(asked, repeat), compute))

        return float(np.mean([self._value(answer(repeat)) for repeat in range(self.rubric.repeats)]))

    def details(self, clips: Iterable[tuple[str, Prompt | None]]) -> Mapping[str, float]:
        """Returns `repeats`, and how far they agree over clips: `alpha`, where there are several that differ."""
        ratings = [found for digest, prompt in clips if (found := self._kept(digest, prompt))]
        alpha = agreement(np.array(ratings)) if ratings else None
        return {"repeats": float(self.rubric.repeats)} | ({} if alpha is None else {"alpha": alpha})

    def _kept(self, digest: str, prompt: Prompt | None) -> list[float]:
        """Returns the values of the answers that the cache has; none where one is missing or has no value."""
        try:
            asked = self.question.filled(prompt)
            found = [peek(self.cache, digest, self._key(asked, repeat)) for repeat in range(self.rubric.repeats)]
            return [self._value(_read(one)) for one in found if one is not None] if None not in found else []
        except (Undefined, Unavailable):
            return []

    def _value(self, answer: Answer) -> float:
        return value_of(answer, self.question.scale, self.served.probable)

    def _key(self, asked: str, repeat: int) -> CacheKey:
        """Returns what an answer depends on beside the clip."""
        params: dict[str, str | int] = {
            "rubric": self.rubric.digest(self.question),
            "asked": short_digest(asked.encode()),
            "model": self.served.model,
            "probable": str(self.served.probable),
            "repeat": repeat,
        }
        return CacheKey("judge-answer", VERSION, params=params)

    def _ask(self, content: list[Part], repeat: int) -> Answer:
        """Asks the server. Raises Unavailable without an answer of the model."""
        if self._stopped or self.server is None:
            raise Unavailable(self._stopped or "no server")
        try:
            found = self.server.ask(self._body(content, repeat))
        except BenchError as error:
            self._failed += not isinstance(error, NoAnswer) or error.status not in OF_THE_QUESTION
            if self._failed == IN_A_ROW:
                self._stopped = f"not asked, after {IN_A_ROW} answers in a row that did not come; last: {error}"
            raise Unavailable(str(error)) from error
        self._failed = 0
        if (model := stated_model(found)) != self.served.model:
            self._stopped = f"expected an answer of {self.served.model}, got one of {model or 'a model without a name'}"
            self._stopped = self.server.blotted(self._stopped)
            raise Unavailable(self._stopped)
        if (answer := read_answer(found)) is None:
            raise Unavailable(f"{self.server.by}: expected an answer with a text, got {self.server.shown(found)}")
        try:
            self._value(answer)
        except (Undefined, Unavailable):  # No more than a reason comes of it, in which the key is not to stand.
            return answer.model_copy(update={"text": self.server.blotted(answer.text), "tokens": ()})
        return answer

    def _body(self, content: list[Part], repeat: int) -> dict[str, Any]:
        request = dict(self.rubric.request)
        if "seed" in request:
            request["seed"] += repeat
        if self.served.probable and isinstance(self.question.scale, str):
            request |= PROBABILITIES
        system = [{"role": "system", "content": self.rubric.instructions}] if self.rubric.instructions else []
        return {**request, "messages": [*system, {"role": "user", "content": content}]}


def agreement(ratings: FloatArray) -> float | None:
    """Returns Krippendorff's alpha of (n, k) ratings, k for each of n clips, at the level of intervals.

    Alpha is 1 - D_o / D_e: the mean squared difference of two ratings of one clip, against that of any two ratings.
    Without gaps both are twice a variance. Of yes and no as 1 and 0 it is alpha at the nominal level, too.

    Returns:
        1 where all agree, 0 as by chance; None where there are fewer than two ratings of a clip, or all are the same.
    """
    if ratings.shape[1] < 2 or np.ptp(ratings) == 0:
        return None
    return float(1 - ratings.var(axis=1, ddof=1).mean() / ratings.var(ddof=1))


def _read(stored: Mapping[str, npt.NDArray[Any]]) -> Answer:
    return Answer.model_validate(json.loads(stored["answer"].tobytes()))


def _spec(rubric: Rubric, question: Question, answers: Served) -> MetricSpec:
    """Returns what a judge's metric is. Raises BenchError for a model whose name no identity can hold."""
    yes_no = isinstance(question.scale, str)
    reads = ("p_yes" if answers.probable else "yes_share") if yes_no else "mean_number"
    unit = "" if yes_no else f"{question.scale[0]:g} to {question.scale[1]:g}"
    try:
        Identity(f"{PREFIX}{question.id}", VERSION, "standard", answers.model)
    except NoIdentity as error:
        raise BenchError(
            f"judge_{question.id}: expected a model whose name an identity can hold, got {shown(answers.model)}; "
            "serve it under another name"
        ) from error
    return MetricSpec(
        name=f"{PREFIX}{question.id}",
        version=VERSION,
        profile="standard",
        backend=answers.model,
        params={"rubric": rubric.digest(question), "repeats": rubric.repeats, "reads": reads},
        unit=unit,
        direction=question.direction,
        needs=tuple(dict.fromkeys(NEEDS[one] for one in (*question.give, *question.fields) if one in NEEDS)),
        domain=rubric.domain,
        source=f"rubric: {rubric.laid_down(question)}",
        description=f"{MEANS[reads]}: {' '.join(question.ask.split())}",
        proportion=reads == "yes_share" and rubric.repeats == 1,
    )
