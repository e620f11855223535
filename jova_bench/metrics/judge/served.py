"""Finds which model a server answers with, before anything is scored.

A metric has its identity before its first value, and a judge's has the model as the server states it: `gpt-x` is asked
for, `gpt-x-2025-08-06` answers. Only an answer states that; `GET /v1/models` lists the names that may be asked for. So
one short question is asked when a metric is built. The cache keeps what it said: all workers and every later command
of a run agree on one identity, and a run whose answers are all there needs no server, nor to know of one. From then on
each answer that another model gives is a failure, see `metric`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jova_bench.arrays import Arrays
from jova_bench.cache import CacheKey, FeatureCache, peek
from jova_bench.digests import short_digest
from jova_bench.errors import BenchError
from jova_bench.metrics.judge.answers import read_answer
from jova_bench.web.chat import ChatServer
from jova_bench.web.server import NoAnswer

PROBABILITIES = {"logprobs": True, "top_logprobs": 20}
"""Fields of a request that ask for probabilities; OpenAI and vLLM list at most 20 at a place."""
_KEY = CacheKey("judge-server", 1)
_ASK = "Is water wet? Answer with yes or no alone."
_REFUSED = (400, 403, 422)
"""Statuses with which servers refuse fields that they do not know, or do not grant."""


@dataclass(frozen=True)
class Served:
    """What answers."""

    model: str
    """Name that the server states."""
    probable: bool
    """Whether its answers have probabilities."""


def served(server: ChatServer, request: Mapping[str, Any], cache: FeatureCache, question: str) -> Served:
    """Asks a server a short question, unless the cache knows what it answered.

    Args:
        server: what is asked.
        request: further fields of a request.
        cache: keeps what was stated.
        question: digest of the rubric's question, for `served_before`.

    Raises:
        BenchError: there is no answer, or one that names no model.
    """

    def compute() -> Arrays:
        found = _asked(server, request)
        return {"model": np.frombuffer(found.model.encode(), np.uint8), "probable": np.array(found.probable)}

    stored = cache.get(short_digest(f"{server.url}\n{server.model}".encode()), _KEY, compute)
    cache.get(question, _KEY, lambda: stored)
    return _read(stored)


def served_before(cache: FeatureCache, question: str) -> Served | None:
    """Returns what was the first to be asked a question of this digest; None where the cache knows of none."""
    stored = peek(cache, question, _KEY)
    return None if stored is None else _read(stored)


def _read(stored: Arrays) -> Served:
    return Served(stored["model"].tobytes().decode(), bool(stored["probable"]))


def stated_model(answer: Any) -> str:
    """Returns the model that an answer names; empty where it names none."""
    model = answer.get("model") if isinstance(answer, dict) else None
    return model if isinstance(model, str) else ""


def _asked(server: ChatServer, request: Mapping[str, Any]) -> Served:
    body = {**request, "messages": [{"role": "user", "content": _ASK}]}
    try:
        answer = server.ask({**body, **PROBABILITIES})
    except NoAnswer as error:
        if error.status not in _REFUSED:
            raise
        answer = server.ask(body)
    model, found = stated_model(answer), read_answer(answer)
    if not model or found is None:
        raise BenchError(f"{server.by}: expected an answer that names its model, got {server.shown(answer)}")
    return Served(model, bool(found.tokens))
