"""Formats the parts of a message of one line: values, faults of records, and names that were probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from datetime import date, time
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

LONGEST = 80
"""Maximum number of characters of a value in a message."""
NEAREST, MARGIN = 3, 0.05
"""Maximum number of names that may be meant, and how much less alike than the nearest they may be, of 1."""
FEW, LISTED = 12, 40
"""Maximum number of names in a message, with and without a command that lists them; a longer list helps no reader."""
_WORDS = (
    ("Input should be a valid string.*", "a text"),
    ("Input should be a valid integer.*", "a whole number"),
    ("Input should be a valid number.*", "a number"),
    ("Input should be a valid boolean.*", "true or false"),
    ("Input should be a valid (list|tuple)", "a list"),
    ("Input should be a valid dictionary.*", "an object"),
    ("Input should be (.*)", r"\1"),
    ("Input is not (a valid .*)", r"\1"),
    (r"\w+ should have (at \w+ \d+ \w+).*", r"\1"),
    ("String should match pattern (.*)", r"a text that matches \1"),
)
"""What a value should be, in pydantic's words and in ours: users write JSON, TOML or Python."""
_BRANCH = re.compile(r"(constrained-)?(str|int|float|bool|bytes|none|decimal|date|time|datetime)|[a-z-]+\[.*\]")
"""What pydantic adds to the place of a value that is of none of several kinds: the name of a kind."""


def shown(value: Any) -> str:
    """Formats a value for a message, on one line: where it is long, its beginning, or how many parts it has."""
    text = " ".join((str(value) if isinstance(value, date | time) else repr(value)).split())
    if len(text) <= LONGEST:
        return text
    if isinstance(value, dict | list | tuple):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return f"{text[: LONGEST - 3]}..."


class FieldFault(ValueError):
    """Raised by a check of a whole record for a fault of one of its fields."""

    def __init__(self, field: str, fault: str) -> None:
        """Takes the name of the field, with those of parts after dots, and the fault."""
        self.field = field
        super().__init__(fault)


def fault(error: ValidationError) -> str:
    """Formats the first fault of a record on one line: `field: expected ..., got ...`."""
    return faults_of(error)[0]


def faults_of(error: ValidationError, known: Collection[str] = ()) -> list[str]:
    """Formats every faulty field of a record, each on one line.

    Args:
        error: what pydantic found.
        known: the names of the record's fields, for a misspelt one.
    """
    places: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for one in error.errors():
        branch = len(one["loc"]) > 1 and _BRANCH.fullmatch(str(one["loc"][-1]))
        places.setdefault(one["loc"][:-1] if branch else one["loc"], []).append(one)
    found = []
    for place, of in places.items():
        named = of[0].get("ctx", {}).get("error")
        field = (named.field,) if isinstance(named, FieldFault) else ()
        where = ".".join(map(str, (*place, *field)))
        text = " ".join(_text(where, of, known if len(place) == 1 else ()).split())
        found.append(f"{where}: {text}" if where else text)
    return found


def _text(where: str, of: list[ErrorDetails], known: Collection[str]) -> str:
    """Formats what is wrong at one place; a value that is of none of several kinds has an error for each."""
    first = of[0]
    if first["type"] == "missing":
        return "expected a value, got none"
    if first["type"] == "extra_forbidden":
        return f"unknown field; {suggest(where, known)}" if known else "unknown field"
    if first["type"] == "json_invalid":  # Its position is within the line: the reader of the file adds its own.
        return f"expected JSON, got {shown(_line(first['input']))}"
    if first["type"] == "value_error":  # One of our own validators, whose messages say what was got.
        return first["msg"].removeprefix("Value error, ")
    kinds = dict.fromkeys(_expected(one["msg"]) for one in of)
    if "a number" in kinds:
        kinds.pop("a whole number", None)
    *others, last = kinds
    return f"expected {', '.join(others)}{' or ' * bool(others)}{last}, got {shown(first['input'])}"


def _line(text: str | bytes) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _expected(text: str) -> str:
    for theirs, ours in _WORDS:
        if found := re.fullmatch(theirs, text):
            return found.expand(ours)
    return text


def suggest(name: str, known: Iterable[str], listing: str | None = None) -> str:
    """Returns `did you mean X or Y?`; where no name is near, the known ones, or the command that lists many."""
    names = tuple(known)
    if nearest := difflib.get_close_matches(name, names, n=1):
        likeness = difflib.SequenceMatcher(None, nearest[0], name).ratio()
        near = difflib.get_close_matches(name, names, n=NEAREST, cutoff=likeness - MARGIN)
        return f"did you mean {' or '.join(map(repr, near))}?"
    if listing and len(names) > FEW:
        return f"`{listing}` lists them"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"known are: {', '.join(names[:LISTED]) or 'none'}{more}"
