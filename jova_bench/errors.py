"""Defines the errors that a user can cause, and the exit codes."""

from __future__ import annotations

from pydantic import ValidationError

from jova_bench.formatting.messages import fault
from jova_bench.formatting.text import visible
from jova_bench.ids import printable

NO_WINDOWS = "expected Linux or macOS, got Windows; install and run it in WSL 2, which is Linux"
"""File locks and worker processes use POSIX."""

OUTSIDE = "outside the embedded domain"
"""Reason of every embedded metric for a clip that is none of the shipped suite."""
OUTSIDE_HINT = 'read_clip(path, suite="embedded") reads clips of that suite; profile="standard" judges others'
IN_DOMAIN_HINT = 'in_domain=True is for that suite\'s clips, 64 x 64 pixels at 25 fps; profile="standard" judges others'
"""What to do about it in Python, and in a training loop; no part of the reason, which files keep."""

MOST = 2000
"""Maximum number of characters of a reason: tables repeat it for every metric."""

EXIT_OK, EXIT_USAGE, EXIT_REGRESSION, EXIT_NOT_COMPARABLE, EXIT_INCOMPLETE = 0, 2, 3, 4, 5


class BenchError(Exception):
    """Raised for a mistake that the user can fix. The message says what was expected, what was got and what to do."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str) -> None:
        """Stores the message, in which names and texts of others are shown and not obeyed."""
        super().__init__(visible(message))


class NotComparable(BenchError):
    """Raised where two results differ in suite, metric identity or request, so that no test between them is valid."""

    exit_code = EXIT_NOT_COMPARABLE


class Incomplete(BenchError):
    """Raised for a run that has not finished, by whatever reads its results."""

    exit_code = EXIT_INCOMPLETE


class Undefined(Exception):
    """Raised inside a metric that has no value for this clip. Becomes `undefined: <message>`."""


class Unavailable(Exception):
    """Raised inside a metric or model: a package or weights are missing. Becomes `failed: <message>`."""


class Refused(Exception):
    """Raised or yielded by a model that declines a prompt. The sample becomes `refused: <message>`, which is kept."""


class UnfitClip(BenchError):
    """Raised where a model gave something that is no clip as planned: it has answered, unlike one that crashed."""


def reason_of(error: BaseException) -> str:
    """Returns an exception as one line of a record, cut to `MOST`: our own messages alone, others with their type."""
    if isinstance(error, ValidationError):
        text = f"{error.title}: {fault(error)}"
    else:
        ours = isinstance(error, BenchError | Undefined | Unavailable | Refused)
        text = str(error) if ours else f"{type(error).__name__}: {error}"
    text = " ".join(printable(text).split())
    return text if len(text) <= MOST else f"{text[:MOST]}... ({len(text):,} characters)"
