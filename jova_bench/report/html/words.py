"""What was to be said against what was heard, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jova_bench.metrics.speech.errors import normalise

Kind = Literal["hit", "substitution", "deletion", "insertion"]
_KINDS: dict[str, Kind] = {
    "equal": "hit",
    "substitute": "substitution",
    "delete": "deletion",
    "insert": "insertion",
}
"""By jiwer's names."""


@dataclass(frozen=True)
class Word:
    """One step of the alignment that the error rate counts."""

    kind: Kind
    said: str
    """Of the transcript; empty for an insertion."""
    heard: str
    """Empty for a deletion."""


def aligned(transcript: str, heard: str, language: str) -> tuple[Word, ...]:
    """The fewest edits from transcript to what was heard, in order, on text normalised as WER does.

    Args:
        transcript: what was to be said.
        heard: what a recogniser wrote down.
        language: BCP 47 tag of both; where words are not separated, steps are characters.
    """
    import jiwer

    said, found = normalise(transcript, language).split(), normalise(heard, language).split()
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
    """The steps of one chunk: jiwer joins neighbours of a kind, and leaves the missing side empty."""
    count = max(len(said), len(heard))
    pairs = zip([*said, *[""] * (count - len(said))], [*heard, *[""] * (count - len(heard))], strict=True)
    return [Word(kind, *pair) for pair in pairs]
