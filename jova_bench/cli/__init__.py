"""The command line: `jova-bench` or `python -m jova_bench`. Results go to stdout, messages to stderr.

Nothing is imported here before an interruption is handled.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn


class Stopped(KeyboardInterrupt):
    """A signal asks the command to end."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 128 and the signal's number, as shells count, where one ends it."""
    try:
        from jova_bench.cli.program import run

        return run(argv)
    except KeyboardInterrupt as stop:
        number = stop.args[0] if isinstance(stop, Stopped) else signal.SIGINT
        how = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
        if sys.stderr is not None:
            print(f"jova-bench: stopped{how}; the same command continues where it was", file=sys.stderr, flush=True)
        return 128 + int(number)


def entry() -> NoReturn:
    """Runs the installed command and exits with its code; a signal to stop ends it as Ctrl-C does."""
    if sys.platform == "win32":
        from jova_bench.errors import EXIT_USAGE, NO_WINDOWS

        print(f"jova-bench: {NO_WINDOWS}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has one ignored.
            signal.signal(number, _stop)
    sys.exit(main())


def _stop(number: int, frame: Any) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # A second signal ends the process at once.
    raise Stopped(number)
