"""Ends a program in one line when a signal stops it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn


class Stopped(KeyboardInterrupt):
    """A signal asks the program to end."""


def stoppable(program: str, main: Callable[[], int]) -> int:
    """Runs a program; returns its exit code, or 128 and the number of the signal that stopped it, as shells count."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has one ignored.
            signal.signal(number, _stop)
    try:
        return main()
    except KeyboardInterrupt as stop:
        number = stop.args[0] if isinstance(stop, Stopped) else signal.SIGINT
        how = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
        print(f"{program}: stopped{how}; the same command continues where it was", file=sys.stderr, flush=True)
        return 128 + int(number)


def _stop(number: int, frame: Any) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # A second signal ends the process at once.
    raise Stopped(number)
