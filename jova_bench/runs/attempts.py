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
from jova_bench.media.limits import OverLimit
from jova_bench.records import Sample
from jova_bench.summary import AttemptCounts

OF_MACHINE = frozenset(
    getattr(errno, name) for name in ["ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE", "EACCES", "EROFS", "EAGAIN"]
)
"""Errors that libav reports of a machine; others, EIO too, it also reports of damaged files."""


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


def unfit(key: SampleKey, error: Exception, given: object = None) -> Sample:
    """Builds the record of what a model gave that is no clip: an answer, unless the machine could not take it.

    Args:
        key: of the sample.
        error: why it is no clip.
        given: path of the file that the model gave, if it gave one.
    """
    return failed(key, reason_of(error), not _of_machine(error.__cause__ or error, given))


def _of_machine(cause: BaseException, given: object) -> bool:
    """Returns whether an error while a clip was written or read says nothing of the clip."""
    if isinstance(cause, MemoryError | ImportError | OverLimit):
        return True
    if isinstance(cause, RuntimeError):
        return "can't start new thread" in str(cause)
    if not isinstance(cause, OSError):
        return False
    if isinstance(cause, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return given is None or str(cause.filename) != str(given)
    if cause.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return False
    from av.error import FFmpegError

    return cause.errno in OF_MACHINE or not isinstance(cause, FFmpegError)


def latest_answers(lines: Iterable[Sample]) -> dict[SampleKey, Sample]:
    """Finds what a model last answered, by a clip or without one: what the machine failed since takes nothing back."""
    return {line.key: line for line in lines if line.answered or line.status == "ok"}


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
    answer: Sample | None = None
    """The latest answer."""

    def add(self, line: Sample) -> None:
        answers, again = line.answered or line.status == "ok", line.attempt is not None and line.attempt > self.attempts
        if again and answers and self.answer is not None:
            # After a crash, a lost clip that is made again as it was is an attempt, and still the same draw.
            self.redrawn += line.clip_digest is None or line.clip_digest != self.answer.clip_digest
        self.attempts = max(self.attempts, line.attempt or 0)
        self.refused += line.status == "refused"
        self.answer = line if answers else self.answer


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
