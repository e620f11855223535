"""Sends messages of commands through `logging`: one level says which are shown, for `-q`, `-v` and `--log-level`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from jova_bench.ids import printable
from jova_bench.output import tell

LOG = logging.getLogger("jova_bench")
"""Notes and progress are INFO, what went wrong WARNING, times and tracebacks DEBUG."""
OTHERS = ("jova", "")
"""Loggers that follow where a level is asked for: the model's, which is silent above INFO, and those of libraries."""
LEVELS = ("debug", "info", "warning", "error")
"""Names of levels, the most talkative first."""


class Stderr(logging.Handler):
    """Prints messages on stderr as `tell` does, those of other packages with their name."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one message."""
        text = self.format(record)
        tell(text if record.name == LOG.name else f"{record.name}: {text}")


class Printable(logging.Filter):
    """Makes messages ones that any handler can write: names of files need not be UTF-8."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Puts the printable text in the place of a message and its arguments."""
        record.msg, record.args = printable(record.getMessage()), ()
        return True


LOG.addFilter(Printable())


def listen() -> None:
    """Prints messages on stderr, unless the program has given their logger handlers of its own."""
    if not LOG.handlers:
        LOG.addHandler(Stderr())
        LOG.propagate = False
    if LOG.level == logging.NOTSET:
        LOG.setLevel(logging.INFO)


@contextmanager
def at_level(level: str | None, libraries: bool = False) -> Iterator[None]:
    """Shows messages of the block from a level on, and leaves the loggers as they were.

    Args:
        level: one of `LEVELS`; None for what is usual, `info`.
        libraries: whether messages of libraries are shown from the same level on; else they are theirs to show.
    """
    loggers = [LOG, *(logging.getLogger(name) for name in OTHERS if libraries or name == "jova")]
    before = [(one, one.level, one.propagate, list(one.handlers)) for one in loggers]
    listen()
    for one in loggers:
        one.setLevel((level or "info").upper())
    if libraries:
        logging.getLogger().addHandler(Stderr())
    try:
        yield
    finally:
        for one, was, propagates, handlers in before:
            one.setLevel(was)
            one.propagate, one.handlers = propagates, handlers


def talkative() -> bool:
    """Returns whether everything is to be shown, as `-v` asks."""
    return LOG.isEnabledFor(logging.DEBUG)
