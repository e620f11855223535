"""Aligns the transcript with the recognised words, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jova_bench.metrics.speech.errors import words

Kind = Literal["hit", "substitution", "deletion", "insertion"]
_KINDS: dict[str, Kind] = {
    "equal": "hit",
    "substitute": "substitution",
    "delete": "deletion",
    "insert": "insertion",
}
"""Kinds of edits by jiwer's names."""


@dataclass(frozen=True)
class Word:
    """Holds one step of the alignment that the error rate counts."""

    kind: Kind
    said: str
    """Word of the transcript; empty for an insertion."""
    heard: str
    """Recognised word; empty for a deletion."""


def aligned(transcript: str, heard: str, language: str) -> tuple[Word, ...]:
    """Returns the fewest edits from transcript to recognised words, in order, on text normalised as for WER.

    Args:
        transcript: expected words.
        heard: words of a recogniser.
        language: BCP 47 tag of both; where words are not separated, steps are characters.
    """
    import jiwer

    said, found = words(transcript, language), words(heard, language)
    if not said:
        return tuple(Word("insertion", "", word) for word in found)
    (chunks,) = jiwer.process_words(" ".join(said), " ".join(found)).alignments
    return tuple(
        word
        for chunk in chunks
        for word in _words(
            _KINDS[chunk.type],
            said[chunk.ref_start_idx : chunk.ref_end_idx],
            found[chunk.hyp_start_idx : chunk.hyp_end_idx],
        )
    )


def _words(kind: Kind, said: Sequence[str], heard: Sequence[str]) -> list[Word]:
    """Returns the steps of one chunk: jiwer joins neighbours of a kind, and leaves the missing side empty."""
    count = max(len(said), len(heard))
    pairs = zip([*said, *[""] * (count - len(said))], [*heard, *[""] * (count - len(heard))], strict=True)
    return [Word(kind, *pair) for pair in pairs]
