"""One window of Whisper: the tokens of at most 30 s, with the times of what is said, at one temperature.

The arithmetic is that of `whisper.decode` (openai/whisper, decoding.py at c0d2f62): the same features, tokens,
probabilities, rules of times and suppressed tokens.

Letters: V vocabulary.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from jova_bench.metrics.networks.whisper import Vocabulary, Whisper

LATEST_START = 50
"""The first time of a window is at most 1.00 s, in steps of 0.02 s."""
Draw = Callable[[Tensor], int]
"""Draws one of V tokens by their (V,) logits."""


class Decoded(NamedTuple):
    """What the network writes for one window, and how sure it is."""

    tokens: list[int]
    """Words and times."""
    text: str
    temperature: float
    no_speech: float
    """Probability that there is no speech."""
    log_probability: float
    """Mean over the tokens and their end."""


def decode(net: Whisper, encoded: Tensor, asked: Sequence[int], temperature: float, draw: Draw) -> Decoded:
    """Decodes a window.

    Args:
        net: the network.
        encoded: the window, see `Whisper.encode`.
        asked: `Vocabulary.prompt`.
        temperature: 0 for the most probable tokens, else tokens are drawn.
        draw: how they are drawn.
    """
    words = net.vocabulary
    logits, cache = net.next(asked, encoded)
    # Asked where the transcript starts, before its language.
    no_speech = float(logits[asked.index(words.start)].softmax(-1)[words.no_speech])
    tokens: list[int] = []
    total = 0.0
    for _ in range(net.context // 2):
        scores = allowed(logits[-1], tokens, words)
        chosen = draw(scores / temperature) if temperature else int(scores.argmax())
        total += float(scores.log_softmax(-1)[chosen])
        if chosen == words.end:
            break
        tokens.append(chosen)
        if len(asked) + len(tokens) > net.context:
            break
        logits, cache = net.next([chosen], encoded, cache)
    return Decoded(tokens, words.words(tokens).strip(), temperature, no_speech, total / (len(tokens) + 1))


def allowed(logits: Tensor, tokens: Sequence[int], words: Vocabulary) -> Tensor:
    """Returns (V,) logits in which what may not follow is -inf.

    Times come in pairs, never decrease, and no two that enclose words are the same. A time comes where all times
    together are more probable than any word.

    Args:
        logits: (V,) of the next token.
        tokens: those of the window so far.
        words: the vocabulary.
    """
    scores, times = logits.clone(), words.first_time
    scores[words.never] = -torch.inf
    if not tokens:
        scores[:times] = -torch.inf
        scores[times + LATEST_START + 1 :] = -torch.inf
        return scores
    after_time = tokens[-1] >= times
    closes = after_time and len(tokens) > 1 and tokens[-2] < times
    if closes:  # Another time opens the next pair, or the text ends.
        scores[: words.end] = -torch.inf
    elif after_time:
        scores[times:] = -torch.inf
    last = next(token for token in reversed(tokens) if token >= times)
    scores[times : last if closes else last + 1] = -torch.inf
    shares = scores.log_softmax(-1)
    if shares[times:].logsumexp(-1) > shares[:times].max():
        scores[:times] = -torch.inf
    return scores


def drawing(seed: int) -> Draw:
    """Returns a function that draws tokens, the same ones from the same seed on every machine and device.

    torch's numbers are not the same on all of them.
    """
    stream = np.random.Generator(np.random.PCG64(seed))

    def draw(logits: Tensor) -> int:
        sums = logits.double().cpu().softmax(-1).cumsum(-1)
        return int(torch.searchsorted(sums, stream.random() * sums[-1], right=True))

    return draw


def compression(text: str) -> float:
    """Returns how many times shorter zlib makes a text; 2.4 and more are mostly one phrase again and again."""
    content = text.encode()
    return len(content) / len(zlib.compress(content))
