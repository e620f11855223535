"""Reads what a judge answers: yes, no, a number, how probable its yes was, or that it refuses."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from jova_bench.errors import Unavailable, Undefined
from jova_bench.formatting.messages import shown
from jova_bench.records import Record

REFUSED = "the judge refused to answer"
"""Reason of every refusal, so that they are counted together."""
TOKENS = 16
"""Places of an answer whose probabilities are kept."""
_YES_NO = re.compile(r"\W*(yes|no)\W*", re.IGNORECASE)
_NUMBER = re.compile(r"[\s*_`'\"()\[\]]*([+-]?\d+(?:\.\d+)?)[\s*_`'\"()\[\].!]*", re.ASCII)
"""A number, and what may stand around it: emphasis, quotes, brackets and the end of a sentence, no sign or unit."""
_MINUS = str.maketrans("\u2212\u2013", "--")
"""Minus sign and en dash."""
_MARKS = str.maketrans("\u0120\u2581\u010a", "  \n")
"""How tokenisers write a space and the end of a line."""
_END = re.compile(r"<[^<>\s]+>")
"""A token that ends an answer and is no part of its text."""
_SORRY = re.compile(
    r"\W*(i['’]?m (very )?sorry|i am (very )?sorry|sorry\b|i (can ?not|can['’]t|won['’]t|will not)\b"
    r"|i['’]?m (unable|not able)|i am (unable|not able)|as an ai\b)",
    re.IGNORECASE,
)


class Token(Record):
    """One place of an answer."""

    chosen: str
    """The token that stands there."""
    logs: dict[str, float]
    """Natural logarithm of the probability of the tokens that the server lists, the chosen one's included."""


class Answer(Record):
    """One answer, as far as it matters."""

    text: str
    refused: bool
    """Whether the server says so itself."""
    cut: bool
    """Whether the server stopped it at its longest."""
    tokens: tuple[Token, ...]
    """The first places of the text with their probabilities; none where the server gives none, or none of the text."""


def read_answer(answer: Any) -> Answer | None:
    """Returns an answer from a server's JSON; None where that has another form."""
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        text, refusal, end = message.get("content"), message.get("refusal"), choice.get("finish_reason")
        listed = (choice.get("logprobs") or {}).get("content") or []
        tokens = [_token(one) for one in listed]
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        return None
    if not isinstance(text, str | None):
        return None
    return Answer(
        text=text or "",
        refused=bool(refusal) or end == "content_filter",
        cut=end == "length",
        tokens=_places(tokens, text or ""),
    )


def _places(tokens: Sequence[Token], text: str) -> tuple[Token, ...]:
    """Returns the first places of a text: from the last one on after which nothing but the text is said.

    What a model thinks before it answers has places of its own, in which a yes or no is no answer.
    """
    said, words = text.strip(), [one.chosen.translate(_MARKS) for one in tokens]
    while words and (not words[-1].strip() or (_END.fullmatch(words[-1].strip()) and not said.endswith(words[-1]))):
        words.pop()
    rest = ""
    for place in range(len(words) - 1, -1, -1):
        rest = words[place] + rest
        if rest.strip() == said:
            return tuple(tokens[place : place + TOKENS])
        if len(rest.strip()) > len(said):
            break
    return ()


def _token(one: Any) -> Token:
    logs = {str(other["token"]): float(other["logprob"]) for other in one.get("top_logprobs") or ()}
    return Token(chosen=str(one["token"]), logs={**logs, str(one["token"]): float(one["logprob"])})


def value_of(answer: Answer, scale: str | tuple[float, float], probable: bool) -> float:
    """Returns the number that an answer is.

    Args:
        answer: the answer.
        scale: `yes/no`, or the least and the largest number.
        probable: whether a yes or no counts by its probability, instead of as 1 or 0.

    Raises:
        Undefined: it is a refusal.
        Unavailable: it is none of what was asked for.
    """
    if answer.refused:
        raise Undefined(REFUSED)
    found = (
        _YES_NO.fullmatch(answer.text) if isinstance(scale, str) else _NUMBER.fullmatch(answer.text.translate(_MINUS))
    )
    if found is None:
        if _SORRY.match(answer.text):
            raise Undefined(REFUSED)
        raise Unavailable(f"expected {_wanted(scale)} as an answer, got {shown(answer.text)}{_cut(answer)}")
    if isinstance(scale, str):
        return yes_probability(answer.tokens) if probable else float(found[1].lower() == "yes")
    number = float(found[1])
    if not scale[0] <= number <= scale[1]:
        raise Unavailable(f"expected {_wanted(scale)} as an answer, got {found[1]}")
    return number


def yes_probability(tokens: Sequence[Token]) -> float:
    """Returns P(yes) / (P(yes) + P(no)) at the place of the first word, over all spellings that are listed.

    Of the two, one that the server does not list has no share: it is less probable than all that are listed.

    Raises:
        Unavailable: that place does not say either as one token.
    """
    place = next((one for one in tokens if _word(one.chosen)), None)
    if place and _word(place.chosen) in ("yes", "no"):
        yes, no = (
            math.fsum(math.exp(log) for token, log in place.logs.items() if _word(token) == word)
            for word in ("yes", "no")
        )
        if yes + no > 0:
            return yes / (yes + no)
    raise Unavailable("expected the probability of yes or no, got none: the server gave that of no such token")


def _word(token: str) -> str:
    """Returns the letters of a token: tokenisers mark the beginning of a word in several ways."""
    return re.sub(r"[^a-z]", "", token.lower())


def _wanted(scale: str | tuple[float, float]) -> str:
    return "yes or no" if isinstance(scale, str) else f"a number from {scale[0]:g} to {scale[1]:g}"


def _cut(answer: Answer) -> str:
    return ", which the server cut off; allow more tokens" if answer.cut else ""
