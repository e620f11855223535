"""Says when the words of an edited clip are spoken."""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt

from jova.text.words import letter_shares, words_of

QUIET = 0.02
"""Speech is where the level of 10 ms is above this share of the loudest."""


def word_times(
    transcript: str, span_s: tuple[float, float], speech_s: tuple[float, float], shortest_s: float
) -> list[float]:
    """Returns the centre of each word, in seconds.

    The words in brackets are spread over the span by their letters, as words are over the speech in training; the words
    before and after them, over the speech before and after the span.

    Args:
        transcript: all words, those of the span in brackets.
        span_s: start and end of the span.
        speech_s: start and end of the clip's speech.
        shortest_s: least time of a word where several are spread, such as that of a token of the audio.

    Raises:
        ValueError: there is not one pair of brackets, or words stand where the clip has no speech or too little.
    """
    found = re.fullmatch(r"([^\[\]]*)\[([^\[\]]*)\]([^\[\]]*)", transcript)
    if found is None:
        raise ValueError(
            "expected a transcript with all words of the span in one pair of brackets, as in 'place [blue] now', "
            f"or '[]' where it is to be silent, got {transcript!r}"
        )
    times_s = []
    bounds = ((speech_s[0], span_s[0], "before"), (*span_s, "in"), (span_s[1], speech_s[1], "after"))
    for text, (start_s, end_s, where) in zip(found.groups(), bounds, strict=True):
        words = words_of(text)
        if words and end_s <= start_s:
            raise ValueError(
                f"expected speech {where} the span of {span_s[0]:g} to {span_s[1]:g} s for the words "
                f"{' '.join(words)!r}, got speech from {speech_s[0]:.2f} to {speech_s[1]:.2f} s"
            )
        most = max(1, math.floor((end_s - start_s) / shortest_s + 1e-6))
        if len(words) > most:
            todo = "widen the span" if where == "in" else "give fewer, or another span"
            raise ValueError(
                f"expected at most {most} word{'s' * (most > 1)} {where} the span of {span_s[0]:g} to {span_s[1]:g} s, "
                f"{shortest_s:g} s of speech for each, got {len(words)}: {' '.join(words)!r}; {todo}"
            )
        times_s += [start_s + share * (end_s - start_s) for share in (letter_shares(words) if words else [])]
    return times_s


def speech_span(audio: npt.NDArray[np.float32], rate_hz: int) -> tuple[float, float]:
    """Measures where the sound of a clip begins and ends, in seconds; the whole clip if it is silent."""
    hop = rate_hz // 100
    level = np.sqrt(np.square(audio[: len(audio) // hop * hop].reshape(-1, hop)).mean(axis=1))  # (10 ms,)
    loud = np.flatnonzero(level > QUIET * level.max()).tolist()
    return (loud[0] * hop / rate_hz, (loud[-1] + 1) * hop / rate_hz) if loud else (0.0, len(audio) / rate_hz)
