"""Tells whether the attempts that two folders have of one sample are of the same draws, and which of them are further.

What a model answered is a draw; what the machine failed is not (`runs.attempts`). So one folder continues another whose
draws its own begin with, whatever failed in either; a clip is the last draw of both.
"""

from __future__ import annotations

from collections.abc import Sequence

from jova_bench.records import Sample


def further(known: Sequence[Sample], other: Sequence[Sample]) -> list[Sample] | None:
    """Finds the attempts of another folder that continue those known, so that the same again adds nothing.

    Args:
        known: every line of the sample, in order; one or more.
        other: the lines of the other folder.

    Returns:
        Lines to add, their attempts numbered on from those known. None if the folders have different draws.
    """
    had, has = _draws(known), _draws(other)
    shared = min(len(had), len(has))
    if _answers(known, had[:shared]) != _answers(other, has[:shared]):
        return None
    if len(had) != len(has) and shared and known[had[shared - 1]].status == "ok":
        return None  # Scores of the first clip may be anywhere.
    if len(has) < len(had) or (had and len(has) == len(had)):
        return []  # A failure after an answer would hide it.
    before, more = (_bare_after(lines, draws, shared) for lines, draws in ((known, had), (other, has)))
    found = []
    for line, bare in more:
        same = next((place for place, (_, one) in enumerate(before) if one == bare), None)
        if same is None:
            found.append(line)
        else:
            del before[same]
    return _numbered_on(found, known)


def _draws(lines: Sequence[Sample]) -> list[int]:
    """Returns the places of answers, without those of a lost clip that was made again as it was."""
    found: list[int] = []
    for place, line in enumerate(lines):
        again = found and line.clip_digest is not None and line.clip_digest == lines[found[-1]].clip_digest
        if (line.answered or line.status != "failed") and not again:
            found.append(place)
    return found


def _answers(lines: Sequence[Sample], places: Sequence[int]) -> list[tuple[str, str | None, str | None]]:
    return [(lines[place].status, lines[place].clip_digest, lines[place].reason) for place in places]


def _bare_after(lines: Sequence[Sample], draws: Sequence[int], count: int) -> list[tuple[Sample, Sample]]:
    """Returns the lines after some draws, each also without what another folder gives it: its number and path."""
    rest = lines[draws[count - 1] + 1 :] if count else lines
    return [(line, line.model_copy(update={"attempt": None, "clip": None})) for line in rest]


def _numbered_on(lines: Sequence[Sample], known: Sequence[Sample]) -> list[Sample]:
    last = max((line.attempt or 0 for line in known), default=0)
    numbers = sorted({line.attempt for line in lines if line.attempt is not None})
    new = {number: place for place, number in enumerate(numbers, start=last + 1)}
    return [line.model_copy(update={"attempt": line.attempt and new[line.attempt]}) for line in lines]
