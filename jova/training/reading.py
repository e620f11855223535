"""Reads tables of a TOML file as dataclasses, strictly: an unknown key or a wrong value is an error of one line."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from jova.bounds import check_number, kinds_of, shortened

T = TypeVar("T")

NOUNS = {str: "a text", bool: "true or false", Path: "a path", tuple: "a list"}


def read_table(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """Reads a table of plain values as a dataclass.

    Raises:
        ValueError: a key is unknown or missing, or a value has another type or is outside of its range.
    """
    check_keys(table, list(kinds_of(kind)), where, required(kind))
    return kind(**values_of(kind, table, where))


def values_of(kind: type, table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Reads the values of a table as those of the fields of a dataclass; errors are those of `value_of`."""
    kinds = kinds_of(kind)
    return {key: value_of(kinds[key], value, f"{key} of {where}") for key, value in table.items()}


def check_keys(table: Mapping[str, Any], known: Sequence[str], where: str, needed: Sequence[str] = ()) -> None:
    """Raises ValueError if a table has a key that is not known, or lacks one that it needs."""
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            raise ValueError(f"expected a known key in {where}, got {key!r}; {hint}")
    if missing := [key for key in needed if key not in table]:
        raise ValueError(f"expected {', '.join(missing)} in {where}, got none")


def required(kind: Any, but: Sequence[str] = ()) -> list[str]:
    """Returns the fields of a dataclass that have no default."""
    none = dataclasses.MISSING
    fields = dataclasses.fields(kind)
    return [one.name for one in fields if one.default is none and one.default_factory is none and one.name not in but]


def value_of(kind: Any, value: Any, where: str) -> Any:
    """Returns a value of a TOML file as a type.

    Args:
        kind: bool, str, Path, a number with its range, Literal, tuple, or one of them or None.
        value: as TOML has it.
        where: its key and table, for the message.

    Raises:
        ValueError: it has another type, or is outside of its range.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return value_of(next(part for part in parts if part is not type(None)), value, where)
    if origin is Annotated:
        if isinstance(value, str) and Fraction in get_args(parts[0]):
            value = _fraction(value)
        check_number(kind, value, where)
        return float(value) if parts[0] is float else value
    if origin is Literal:
        if value not in parts:
            raise ValueError(f"expected {where} to be one of {', '.join(parts)}, got {shortened(value)}")
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(value_of(parts[0], one, where) for one in value)
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return _path(value, where)
    if type(value) is not kind:
        raise ValueError(f"expected {where} to be {NOUNS[origin or kind]}, got {shortened(value)}")
    return value


def _fraction(text: str) -> Fraction | str:
    """Reads a fraction such as 4/3; another text stays one."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return text


def _path(text: str, where: str) -> Path:
    """Reads a path, in which ~ is the home folder."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # There is no such user.
        raise ValueError(
            f"expected {where} to be a path, got {shortened(text)}, whose home folder is not known"
        ) from None
