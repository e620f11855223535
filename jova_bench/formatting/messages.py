"""Formats the parts of a message of one line: values, faults of records, and names that were probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date, time
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

LISTED = 40
"""Maximum number of names in a message; a longer list helps no reader."""


def shown(value: Any) -> str:
    """Formats a value for a message: its kind where it is long."""
    if isinstance(value, dict | list | tuple):
        return "an object" if isinstance(value, dict) else "a list"
    text = str(value) if isinstance(value, date | time) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def fault(error: ValidationError) -> str:
    """Formats the first fault of a record on one line: `field: what is wrong with it, got ...`."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    text = " ".join(f"{first['msg'].removeprefix('Value error, ')}{_got(first)}".split())
    return f"{where}: {text}" if where else text


def _got(first: ErrorDetails) -> str:
    """Formats the faulty value; empty for a missing field and for our own validators, whose messages name it."""
    return "" if first["type"] in ("missing", "extra_forbidden", "value_error") else f", got {shown(first['input'])}"


def suggest(name: str, known: Iterable[str]) -> str:
    """Returns `did you mean X?`, or the known names when none is near."""
    names = tuple(known)
    near = difflib.get_close_matches(name, names, n=1)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names[:LISTED]) or 'none'}{more}"
