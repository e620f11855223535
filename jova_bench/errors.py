"""The errors that a user can cause, the exit codes, and hints for a name that nothing has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from jova_bench.ids import printable

NO_WINDOWS = "expected Linux or macOS, got Windows; install and run it in WSL 2, which is Linux"
"""File locks and worker processes use POSIX."""

EXIT_OK, EXIT_USAGE, EXIT_REGRESSION, EXIT_NOT_COMPARABLE, EXIT_INCOMPLETE = 0, 2, 3, 4, 5


class BenchError(Exception):
    """A mistake the user can mend. The message says what was expected, what was got and what to do."""

    exit_code = EXIT_USAGE


class NotComparable(BenchError):
    """Two results differ in suite, metric identity or request, so no test between them means anything."""

    exit_code = EXIT_NOT_COMPARABLE


class Undefined(Exception):
    """Raised inside a metric: the question has no answer for this clip. Becomes `undefined: <message>`."""


class Unavailable(Exception):
    """Raised inside a metric or model: a package or weights are missing. Becomes `failed: <message>`."""


def reason_of(error: Exception) -> str:
    """What a record says of an exception, on one line: our own messages alone, other errors with their type."""
    ours = isinstance(error, BenchError | Undefined | Unavailable)
    return " ".join(printable(str(error) if ours else f"{type(error).__name__}: {error}").split())


LISTED = 40
"""Names that a message lists: past them a reader finds nothing."""


def suggest(name: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or the names when none is near."""
    names = tuple(known)
    near = difflib.get_close_matches(name, names, n=1)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names[:LISTED]) or 'none'}{more}"
