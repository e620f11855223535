"""Concatenated minimum-permutation error rate (cpWER, cpCER) of what several speakers say.

All that a speaker is to say is one text, and so is all that one voice was heard to say. Voices are given to speakers so
that the errors between their texts are fewest; voices too many and speakers unheard count with all of their words
(Watanabe et al. 2020, arXiv 2004.09249; meeteval's `cp_word_error_rate`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jova_bench.errors import Undefined
from jova_bench.metrics.speech.errors import compared, length, require_spaces
from jova_bench.metrics.speech.recognition import Unit
from jova_bench.metrics.speech.spoken import spoken


def permuted_error_rate(said: Sequence[str], heard: Sequence[str], language: str, unit: Unit) -> float:
    """Computes the fewest errors of any assignment of voices to speakers, over what all speakers are to say.

    Args:
        said: text of each speaker, as written.
        heard: text of each voice.
        language: BCP 47 tag of all.
        unit: words or characters.

    Raises:
        Undefined: no speaker has anything to say, the language does not separate words, or a text is English with marks
            of other scripts.
    """
    from scipy.optimize import linear_sum_assignment

    if unit == "wer":
        require_spaces(language)
    if not said:
        raise Undefined("no speakers")
    speakers = [compared(text, "", language, "spoken")[0] if spoken(text, language) else "" for text in said]
    if not any(speakers):
        raise Undefined("no transcript")
    voices = [spoken(text, language) for text in heard]
    sides = max(len(speakers), len(voices))
    rows, columns = ([*texts, *[""] * (sides - len(texts))] for texts in (speakers, voices))
    costs = np.array([[_errors(one, other, language, unit) for other in columns] for one in rows])
    chosen = linear_sum_assignment(costs)
    return float(costs[chosen].sum() / sum(length(text, language, unit) for text in speakers))


def _errors(said: str, heard: str, language: str, unit: Unit) -> int:
    """Counts substitutions, deletions and insertions between two normalised texts, of which any may be empty."""
    import jiwer

    if not said or not heard:
        return length(said, language, unit) + length(heard, language, unit)
    count = jiwer.process_words if unit == "wer" else jiwer.process_characters
    found = count(said, heard)
    return int(found.substitutions + found.deletions + found.insertions)
