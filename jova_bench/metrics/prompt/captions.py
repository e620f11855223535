"""Reads a prompt's caption of the picture for networks that take 77 tokens at once.

Prompts of joint models are longer than that as a rule, and benches cut them. Ours reads all of a caption, piece by
piece, or a model that ignores its second half would lose nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal

from jova_bench.errors import Undefined
from jova_bench.metrics.networks.clip_tokens import ClipTokens
from jova_bench.prompts import Prompt

MOST = 77
"""Tokens that CLIP and ImageBind take at once, the marks before and after a text included."""
Reading = Literal["whole", "beginning", "torn"]
"""`whole`: in pieces; `beginning`: the first tokens, of which the last is the end mark; `torn`: the first 77 as they
are, without an end mark where the caption is longer, so that a network that looks for one is read at some word."""


def video_caption(prompt: Prompt | None) -> str:
    """Returns what is to be seen. Raises Undefined without a prompt or a caption of the picture."""
    if prompt is None or not prompt.video_caption.strip():
        raise Undefined("no video caption")
    return prompt.video_caption


def check_latin(caption: str) -> None:
    """Raises Undefined where most letters of a caption are of another script than the networks were trained on."""
    letters = [letter for letter in caption if letter.isalpha()]
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    if 2 * latin < len(letters):
        raise Undefined("video caption not in Latin letters: the network was trained on English")


def read(tokens: ClipTokens, caption: str, how: Reading, most: int = MOST) -> list[list[int]]:
    """Returns the pieces of a caption, each between its marks; a beginning has at most `most` tokens, others 77.

    Raises Undefined for a caption of no tokens: some that are not blank are, once repaired.
    """
    if not (words := tokens.encode(caption)):
        raise Undefined("no video caption")
    if how == "torn":
        return [[tokens.start, *words, tokens.end][:MOST]]
    pieces = split(words, tokens) if how == "whole" else [words[: most - 2]]
    return [[tokens.start, *piece, tokens.end] for piece in pieces]


def split(words: Sequence[int], tokens: ClipTokens) -> list[Sequence[int]]:
    """Splits tokens into pieces that fit: after the last sentence that does, else after the last word."""
    pieces = []
    while len(words) > MOST - 2:
        fits = words[: MOST - 2]
        ends = (max((k for k, token in enumerate(fits) if token in marks), default=-1) for marks in _marks(tokens))
        end = next((end for end in ends if end >= 0), len(fits) - 1) + 1
        pieces.append(words[:end])
        words = words[end:]
    return [*pieces, words]


def _marks(tokens: ClipTokens) -> tuple[frozenset[int], frozenset[int]]:
    return tokens.stops, tokens.closing
