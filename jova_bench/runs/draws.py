"""Unites the attempts that run folders have of one sample into one history, the same whichever folder comes first.

What a model answered is a draw; what the machine failed is not (`runs.attempts`). Folders are of the same draws if
those of each begin those of the one that has most. The history has these draws, and each failure of the machine as
often as the folder that has it most often. Records have no time, and machines no common one; so failures come first, by
their text, then the draws in their order: what the machine failed since takes no answer back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from jova_bench.records import Sample


@dataclass(frozen=True)
class United:
    """One history of all folders."""

    lines: tuple[Sample, ...]
    """Every attempt, numbered from 1, without the paths of clips."""
    clip_of: int | None
    """Place of the folder whose clip it is; None if no folder has one."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What is said of each attempt, whatever its number and path."""
        return tuple(map(_text, self.lines))


@dataclass
class _History:
    """What a folder has of the sample, read apart."""

    draws: list[Sample] = field(default_factory=list)
    """Answers. Of a clip that was lost and made again as it was, the latest record."""
    again: Counter[str] = field(default_factory=Counter)
    """Attempts that made the same clip before."""
    failures: Counter[str] = field(default_factory=Counter)
    """Attempts that the machine failed."""
    notes: Counter[str] = field(default_factory=Counter)
    """Why there is no further draw, where that was no attempt: the model was not asked, or its clip is another file."""
    has_clip: bool = False

    def add(self, line: Sample, is_attempt: bool) -> None:
        """Takes the next line."""
        last = self.draws[-1] if self.draws else None
        self.has_clip = line.status == "ok"
        if not line.answered and line.status == "failed":
            (self.failures if is_attempt else self.notes)[_text(line)] += 1
            return
        self.notes.clear()
        if last is not None and line.clip_digest is not None and line.clip_digest == last.clip_digest:
            self.again[_text(last)] += line.attempt != last.attempt
            self.draws[-1] = line
        else:
            self.draws.append(line)


def united(folders: Sequence[Sequence[Sample]]) -> United | None:
    """Unites what folders have of one sample, so that the same again adds nothing.

    Args:
        folders: the lines of each, in order. The clip of the first is kept, if it has one.

    Returns:
        The history. None if the folders have different draws, or one has another draw after a clip: scores of that one
        may be anywhere.
    """
    found = [_read(lines) for lines in folders]
    longest = max((one.draws for one in found), key=len)
    for one in found:
        short = len(one.draws) < len(longest)
        if _answers(one.draws) != _answers(longest[: len(one.draws)]) or (short and _ends_in_clip(one.draws)):
            return None
    draws = [min((one.draws[at] for one in found if len(one.draws) > at), key=_order) for at in range(len(longest))]
    having = {place: one.draws[-1] for place, one in enumerate(found) if one.has_clip}
    clip_of = None
    if having:
        files = {having[0].file_digest} if 0 in having else {one.file_digest for one in having.values()}
        same = [place for place, draw in having.items() if draw.file_digest in files]
        clip_of = min(same, key=lambda place: _order(having[place]))
        draws[-1] = having[clip_of]
    latest = [one for one in found if len(one.draws) == len(longest)]
    # A union keeps the larger of two counts.
    again, failures, notes = (
        reduce(or_, (getattr(one, name) for one in of), Counter[str]())
        for name, of in (("again", found), ("failures", found), ("notes", latest))
    )
    failed, answers, why = _records(failures), _with_earlier(draws, again), _records(Counter(set(notes)))
    counted = any(line.attempt is not None for lines in folders for line in lines)
    if having or (draws and not _ends_in_clip(draws)):
        return United(_numbered([*failed, *answers], (), counted), clip_of)
    attempts = [*failed, *answers] if why else [*answers, *failed]
    return United(_numbered(attempts, why, counted), None)


def _read(lines: Sequence[Sample]) -> _History:
    found, last = _History(), 0
    for line in lines:
        found.add(line, is_attempt=(line.attempt or 0) > last)
        last = max(last, line.attempt or 0)
    return found


def _answers(draws: Sequence[Sample]) -> list[tuple[str, str | None, str | None]]:
    return [(draw.status, draw.clip_digest, draw.reason) for draw in draws]


def _ends_in_clip(draws: Sequence[Sample]) -> bool:
    return bool(draws) and draws[-1].status == "ok"


def _order(draw: Sample) -> tuple[int, str]:
    """Orders records of one draw: scoring adds findings, so the one with most is the latest."""
    return -len(draw.findings), _text(draw)


def _with_earlier(draws: Sequence[Sample], again: Counter[str]) -> list[Sample]:
    """Returns draws, each after the attempts that made its clip before."""
    earlier: dict[str | None, list[Sample]] = {}
    for one in _records(again):
        earlier.setdefault(one.clip_digest, []).append(one)
    return [line for draw in draws for line in (*earlier.pop(draw.clip_digest, ()), draw)]


def _records(texts: Counter[str]) -> list[Sample]:
    return [Sample.model_validate_json(text) for text in sorted(texts.elements())]


def _text(line: Sample) -> str:
    """Writes an attempt out without what a folder gives it: its number and the path of its clip."""
    return line.model_copy(update={"attempt": None, "clip": None}).model_dump_json()


def _numbered(attempts: Sequence[Sample], notes: Sequence[Sample], counted: bool) -> tuple[Sample, ...]:
    """Gives attempts numbers from 1, notes the one before them; none where no folder counted, as with copies."""
    found = [
        line.model_copy(update={"attempt": number if counted else None, "clip": None})
        for number, line in enumerate(attempts, start=1)
    ]
    last = len(found) if counted and found else None
    return (*found, *(line.model_copy(update={"attempt": last, "clip": None}) for line in notes))
