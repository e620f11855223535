"""Writes options and listings into messages as their reader gives them: as flags of a command, or arguments of a call.

Deep below both doors, nothing knows what called it. Commands say so once, while one runs; everything else is a call of
Python. Texts that are kept in files have neither form, because both kinds of user read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

_commands = 0
"""How many commands run in this process. No variable of a context, for threads would not inherit it."""


@contextmanager
def command() -> Iterator[None]:
    """Makes messages of the block, in all threads, those of a command."""
    global _commands
    _commands += 1
    try:
        yield
    finally:
        _commands -= 1


def option(name: str, value: str | None = None) -> str:
    """Returns an option: `--out` and `--device cpu` in a command, `out=` and `device="cpu"` in a call."""
    if _commands:
        flag = f"--{name.replace('_', '-')}"
        return flag if value is None else f"{flag} {value}"
    return f"{name}=" if value is None else f"{name}={json.dumps(value)}"


def listing(kind: str) -> str:
    """Returns what lists `models`, `suites` or `metrics`: `jova-bench ls KIND`, or a function of Python."""
    return f"jova-bench ls {kind}" if _commands else f"list_{kind}()"
