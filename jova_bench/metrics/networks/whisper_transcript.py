"""The text of a clip by Whisper: windows that follow the times of what was said, and what is tried again.

The rules and thresholds are the defaults of `whisper.transcribe` (openai/whisper, transcribe.py at c0d2f62) in Python,
which benches call: a window is decoded greedily; where the text repeats itself or is improbable, again with drawn
tokens, at one temperature after the other. (Its command line searches with 5 beams and draws 5 texts.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from jova_bench.arrays import Audio
from jova_bench.metrics.networks.whisper import FRAMES, HOP, Vocabulary, Whisper
from jova_bench.metrics.networks.whisper_window import Decoded, Draw, compression, decode
from jova_bench.metrics.signal.audio import RATE_HZ

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
COMPRESSION, LOG_PROBABILITY, NO_SPEECH = 2.4, -1.0, 0.6
"""A text is tried again where it is more compressible than the first, or less probable than the second; it is nothing
where it is less probable and there is no speech with more than the third."""
FORGETFUL = 0.5
"""Highest temperature after which the next window is given what was said before."""
SPECTRA_PER_TIME = 2
"""Times are 20 ms apart, spectra 10."""


class Heard(NamedTuple):
    """What is said in a window; texts of windows follow one another without a space of ours."""

    start_s: float
    end_s: float
    text: str

    @property
    def compression(self) -> float:
        """Returns how compressible the text is; where it repeats itself in spite of all temperatures, above 2.4."""
        return compression(self.text.strip())


def transcribe(net: Whisper, audio: Audio, language: str, draw: Draw) -> list[Heard]:
    """Writes down (N,) audio at 16 kHz, window by window.

    Args:
        net: the network.
        audio: of any length.
        language: one of the vocabulary's.
        draw: how tokens are drawn at temperatures above 0.
    """
    words = net.vocabulary
    spectra = net.spectra(np.pad(audio, (0, FRAMES * HOP)))  # As upstream: the loudest sets the floor of all windows.
    end = spectra.shape[1] - FRAMES
    heard: list[Heard] = []
    context: list[int] = []
    at = 0
    while at < end:
        size = min(FRAMES, end - at)
        found = _tried(net, net.encode(spectra[:, at : at + size]), words.prompt(language, _last(net, context)), draw)
        if found.no_speech > NO_SPEECH and found.log_probability <= LOG_PROBABILITY:
            at += size
            continue
        kept, passed = said(found.tokens, size, words)
        heard.append(Heard(at * HOP / RATE_HZ, (at + passed) * HOP / RATE_HZ, words.words(kept)))
        context = [*context, *kept] if found.temperature <= FORGETFUL else []
        at += passed
    return heard


def _last(net: Whisper, context: Sequence[int]) -> Sequence[int]:
    """Returns what of the text before has room in a prompt."""
    return context[-(net.context // 2 - 1) :]


def _tried(net: Whisper, encoded: Tensor, asked: Sequence[int], draw: Draw) -> Decoded:
    """Decodes a window at one temperature after the other, until the text is good, or silence; the last one counts."""
    for temperature in TEMPERATURES:
        found = decode(net, encoded, asked, temperature, draw)
        improbable = found.log_probability < LOG_PROBABILITY
        silent = improbable and found.no_speech > NO_SPEECH
        if silent or not (improbable or compression(found.text) > COMPRESSION):
            break
    return found


def said(tokens: Sequence[int], size: int, words: Vocabulary) -> tuple[list[int], int]:
    """Splits the tokens of a window: those that stay, and how many spectra they take.

    Where a text ends with two times, another phrase begins there without room for it, and so does the next window.

    Args:
        tokens: of the window.
        size: spectra of the window.
        words: the vocabulary.
    """
    time = [token >= words.first_time for token in tokens]
    cuts = [place for place in range(1, len(tokens)) if time[place - 1] and time[place]]
    if not cuts:
        return _phrase(tokens, words), size
    ended = time[-2:] == [False, True]  # One time at the end: nothing is said after it.
    if ended:
        cuts.append(len(tokens))
    phrases = [tokens[start:stop] for start, stop in zip([0, *cuts], cuts, strict=False)]
    kept = [token for one in phrases if one[0] != one[-1] for token in _phrase(one, words)]
    return kept, size if ended else SPECTRA_PER_TIME * (tokens[cuts[-1] - 1] - words.first_time)


def _phrase(tokens: Sequence[int], words: Vocabulary) -> list[int]:
    """Returns the tokens of a phrase; none of one without words."""
    return list(tokens) if words.words(tokens).strip() else []
