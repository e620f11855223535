"""Reports progress on stderr: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from jova_bench.logs import LOG, listen

PLAIN_STEPS = 5
"""Number of lines per phase when stderr is not a terminal."""

Advance = Callable[[], None]


class Progress(Protocol):
    """Receives messages and progress of a command."""

    def say(self, line: str) -> None:
        """Prints one line."""
        ...

    def phase(self, title: str, total: int) -> AbstractContextManager[Advance]:
        """Begins a phase of `total` items; yields a function to call once per finished item."""
        ...


class Quiet:
    """Reports nothing; the default of calls from Python."""

    def say(self, line: str) -> None:
        """Prints nothing."""

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Advance]:
        """Yields a function that does nothing."""
        yield lambda: None


class Terminal:
    """Reports on stderr, so that stdout stays for results; nothing where the level of messages is above INFO."""

    def __init__(self) -> None:
        """Makes its lines go to stderr."""
        listen()

    def say(self, line: str) -> None:
        """Prints one line."""
        LOG.info("%s", line)

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Advance]:
        """Shows a bar with the time left, or lines when stderr is not a terminal."""
        started = time.monotonic()
        if total == 0 or not LOG.isEnabledFor(logging.INFO):
            yield lambda: None
        elif sys.stderr.isatty():
            with _bar(title, total) as advance:
                yield advance
        else:
            yield self._lines(title, total)
        LOG.debug("%s: %d items took %.1f s", title, total, time.monotonic() - started)

    def _lines(self, title: str, total: int) -> Advance:
        """Prints a line for each fifth of the phase."""
        started = time.monotonic()
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            if done * PLAIN_STEPS // total > (done - 1) * PLAIN_STEPS // total:
                self.say(f"{title}: {done} of {total}, {time.monotonic() - started:.0f} s")

        return advance


@contextmanager
def meter(title: str, done: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Reports how many bytes have arrived: a bar on a terminal, a line at the beginning elsewhere.

    Args:
        title: what is being downloaded.
        done: bytes that were here before.
        total: bytes of the whole; None when unknown.
    """
    if not LOG.isEnabledFor(logging.INFO):
        yield lambda count: None
        return
    if not sys.stderr.isatty():
        size = "unknown size" if total is None else f"{total / 1e6:.1f} MB"
        Terminal().say(f"{title}: {size}" + (f", from byte {done} on" if done else ""))
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with RichProgress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=total, completed=done)
        yield lambda count: bars.advance(task, count)


@contextmanager
def _bar(title: str, total: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with RichProgress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=total)
        yield lambda: bars.advance(task)
