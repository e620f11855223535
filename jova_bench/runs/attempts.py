"""Tells what became of an attempt without a clip, numbers attempts, and counts them.

What the machine failed may be tried again and is the same draw. What the model answered is a result: another answer is
a second draw, which readers of a table have to know of.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jova_bench.errors import Refused, Unavailable, UnfitClip, reason_of
from jova_bench.keys import SampleKey
from jova_bench.records import Sample
from jova_bench.summary import AttemptCounts

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""Errors of a machine that has no room for a clip, whatever the clip is."""


def failed(key: SampleKey, reason: str, answered: bool | None = None) -> Sample:
    """Builds the record of a sample without a clip.

    Args:
        key: of the sample.
        reason: why there is none.
        answered: as in `Sample`; None where the model was not asked.
    """
    return Sample(**key._asdict(), status="failed", reason=reason, answered=answered)


def raised(key: SampleKey, error: Exception) -> Sample:
    """Builds the record of what a model raised or yielded in place of a clip; without its weights, none was asked."""
    if isinstance(error, Refused):
        reason = reason_of(error) or "the model gives no reason"
        return Sample(**key._asdict(), status="refused", reason=reason, answered=True)
    return failed(key, reason_of(error), None if isinstance(error, Unavailable) else isinstance(error, UnfitClip))


def unfit(key: SampleKey, error: Exception) -> Sample:
    """Builds the record of what a model gave that is no clip: an answer, unless the machine had no room for one."""
    cause = error.__cause__ or error
    full = isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno in NO_ROOM)
    return failed(key, reason_of(error), not full)


def numbered(sample: Sample, before: Sample | None, digest: str | None) -> Sample:
    """Returns a new record with the number of its attempt.

    A lost clip that is made again as it was is the attempt that it was.

    Args:
        sample: the new record.
        before: the latest one of the same prompt and seed.
        digest: of the clip that the attempt of `before` made; None if it made none.
    """
    asked = sample.answered is not None
    # A clip of a version that kept no numbers was one attempt.
    so_far = 0 if before is None else before.attempt or int(asked and digest is not None)
    again = asked and (digest is None or sample.clip_digest != digest)
    return sample.model_copy(update={"attempt": so_far + again or None})


@dataclass
class _Asked:
    """What the records say of one prompt and seed."""

    attempts: int = 0
    redrawn: int = 0
    refused: int = 0
    answered: bool = False

    def add(self, line: Sample) -> None:
        if line.attempt is not None and line.attempt > self.attempts:
            self.redrawn += self.answered
            self.attempts = line.attempt
        self.refused += line.status == "refused"
        self.answered |= bool(line.answered) or line.status == "ok"


def count_attempts(models: Sequence[str], lines: Iterable[Sample]) -> tuple[AttemptCounts, ...]:
    """Counts the attempts of each model that was asked for anything.

    Args:
        models: names, in the order of the table.
        lines: every record of the run, in order.
    """
    found: dict[str, dict[SampleKey, _Asked]] = {model: {} for model in models}
    for line in lines:
        if line.model in found:
            found[line.model].setdefault(line.key, _Asked()).add(line)
    return tuple(
        AttemptCounts(
            model=model,
            samples=len(asked),
            attempts=sum(one.attempts for one in asked),
            redrawn=sum(one.redrawn for one in asked),
            refused=sum(one.refused for one in asked),
        )
        for model, samples in found.items()
        if (asked := [one for one in samples.values() if one.attempts])
    )
