"""Reads third-party prompt files into rows that know their line and report its faults.

A broken row is a `Fault` among the rows, never an exception: an import reports all of them at once.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jova_bench.files import reading as given
from jova_bench.files.reading import Pairs, Unread, parse_json, unique_keys
from jova_bench.formatting.messages import shown
from jova_bench.suites.clips import unfinished

IMAGES = (".jpg", ".jpeg", ".png", ".webp")
SOUNDS = (".wav", ".flac", ".m4a", ".mp3")
CLIPS = (".mp4", ".mkv", ".mov", ".webm")
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_DECODER_OF_UNIQUE_KEYS = json.JSONDecoder(object_pairs_hook=unique_keys)


class Bad(Exception):
    """Raised for a fault in a row: expected, got, what to do."""


@dataclass(frozen=True)
class Fault:
    """Describes a row that cannot become a prompt."""

    where: str
    """`FILE:LINE`, or the file."""
    what: str
    ends: bool = False
    """Whether nothing after it in the file was read, so that more than a row is lost."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Draft:
    """Holds the fields of a prompt as the source has them."""

    where: str
    id: str
    """Id as any text; made safe and unique later."""
    video_caption: str = ""
    audio_caption: str = ""
    transcript: str = ""
    language: str | None = None
    """Language tag; None where the source states none."""
    image: str | None = None
    """Path below the source's folder, like the next two."""
    audio: str | None = None
    reference: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags by name, without empty values."""
    notes: tuple[str, ...] = ()
    """Notes for the user that are no faults; each is reported once with the number of its rows."""
    voice: str | None = None
    """Path below the source's folder."""
    speakers: tuple[Mapping[str, Any], ...] = ()
    """Fields of each of several speakers, with paths below the source's folder."""


@dataclass(frozen=True)
class Row:
    """Holds one record of a source, and records which fields were read."""

    where: str
    key: str
    """Key of the row in an object of rows, else its number from 0."""
    fields: Mapping[str, Any]
    asked: set[str] = field(default_factory=set)

    def value(self, name: str) -> Any:
        """Returns the value of a field, or None without it."""
        self.asked.add(name)
        return self.fields.get(name)

    def text(self, name: str) -> str:
        """Returns the text of a field, stripped; empty without the field. Raises Bad for anything else."""
        value = self.value(name)
        if value is not None and not isinstance(value, str):
            raise Bad(f"{name}: expected a text, got {_kind(value)}")
        return (value or "").strip()

    def needed(self, name: str) -> str:
        """Returns a text that is not empty. Raises Bad without one."""
        text = self.text(name)
        if not text:
            raise Bad(f"{name}: expected a text, got {'an empty one' if name in self.fields else 'no such field'}")
        return text

    def texts(self, name: str) -> list[str]:
        """Returns a list of texts, or of one text, without empty ones."""
        value = self.value(name)
        items = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(item, str) for item in items):
            raise Bad(f"{name}: expected texts, got {', '.join(sorted({_kind(item) for item in items}))}")
        return [item.strip() for item in items if item.strip()]

    def rows(self, name: str) -> list[Row]:
        """Returns a list of objects, or of one object."""
        value = self.value(name)
        items = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(item, dict) for item in items):
            raise Bad(f"{name}: expected objects, got {', '.join(sorted({_kind(item) for item in items}))}")
        return [Row(self.where, str(i), item) for i, item in enumerate(items)]

    @property
    def untaken(self) -> list[str]:
        """Returns the fields that were not read, without empty ones."""
        return [
            name for name, value in self.fields.items() if name not in self.asked and value not in (None, "", [], {})
        ]


def drafts(rows: Iterable[Row | Fault], make: Callable[[Row], Draft]) -> Iterator[Draft | Fault]:
    """Makes a prompt from every row. Fields that were not read become a note."""
    for row in rows:
        if isinstance(row, Fault):
            yield row
            continue
        try:
            draft = make(row)
            left = f"not taken: {', '.join(row.untaken)}"
            yield replace(draft, notes=(*draft.notes, left)) if row.untaken else draft
        except Bad as error:
            yield Fault(row.where, str(error))


def read_text(path: Path) -> str:
    """Reads the text of a file. Raises Bad."""
    try:
        return given.read_text(path)
    except Unread as error:
        raise Bad(error.what) from error


def json_rows(path: Path, levels: int = 1) -> Iterator[Row | Fault]:
    """Yields the objects of a JSON array or object of objects, or one fault for a file that is no JSON.

    Args:
        path: the file.
        levels: 2 for an object of objects of rows; a row's key is then `outer/inner`.
    """
    try:
        text = read_text(path)
    except Bad as error:
        yield Fault(str(path), str(error), ends=True)
        return
    whole = _decoded(text, str(path), dict)  # Keys that stand twice are two rows.
    if isinstance(whole, Fault):
        yield replace(whole, ends=True)
    elif not isinstance(whole, list | dict):
        yield Fault(f"{path}:1", f"expected an array or an object of rows, got {_kind(whole)}", ends=True)
    else:
        for at, key, value in _members(text, levels):
            yield _row(f"{path}:{text.count(chr(10), 0, at) + 1}", key, value)


def _row(where: str, key: str, value: Any) -> Row | Fault:
    if isinstance(value, Fault | Bad):
        return Fault(where, str(value)) if isinstance(value, Bad) else value
    return (
        Row(where, key, value) if isinstance(value, dict) else Fault(where, f"expected an object, got {_kind(value)}")
    )


def _decoded(text: str, where: str, pairs: Pairs = unique_keys) -> Any:
    """Returns the value of a JSON text, or its fault."""
    try:
        return parse_json(text, where, pairs)
    except Unread as error:
        return Fault(error.where, error.what)


def _members(text: str, levels: int, at: int = 0) -> Iterator[tuple[int, str, Any]]:
    """Yields (place, key, value) of the array or object at a place of a JSON text; repeated keys come repeatedly."""
    at = _skip(text, at)
    closing, named, number = {"{": "}", "[": "]"}[text[at]], text[at] == "{", 0
    at = _skip(text, at + 1)
    while text[at] != closing:
        start, key = at, str(number)
        if named:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        value, end = _DECODER.raw_decode(text, at)
        if levels <= 1:
            value = _row_at(text, at)
        if levels > 1 and isinstance(value, list | dict):
            yield from ((place, f"{key}/{inner}", one) for place, inner, one in _members(text, levels - 1, at))
        else:
            yield start, key, value
        at, number = _skip(text, end), number + 1
        if text[at] == ",":
            at = _skip(text, at + 1)


def _row_at(text: str, at: int) -> Any:
    """Returns the row at a place, or its fault."""
    try:
        return _DECODER_OF_UNIQUE_KEYS.raw_decode(text, at)[0]
    except ValueError as error:
        return Bad(f"expected JSON, got {error}")


def _skip(text: str, at: int) -> int:
    """Returns the place after blanks."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def json_file(path: Path) -> Iterator[Row | Fault]:
    """Yields the one object of a JSON file."""
    try:
        value = _decoded(read_text(path), str(path))
    except Bad as error:
        value = Fault(str(path), str(error))
    yield _row(f"{path}:1", path.stem, value)


def json_lines(path: Path) -> Iterator[Row | Fault]:
    """Yields the objects of a file of JSON lines, skipping blank lines."""
    try:
        lines = read_text(path).split("\n")
    except Bad as error:
        yield Fault(str(path), str(error), ends=True)
        return
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{path}:{number}"
            yield _row(where, str(number), _decoded(line, where))


def table_rows(path: Path, delimiter: str = ",", quoting: Any = csv.QUOTE_MINIMAL) -> Iterator[Row | Fault]:
    """Yields the rows of a table whose first line names the columns, skipping blank lines."""
    try:
        reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    except Bad as error:
        yield Fault(str(path), str(error), ends=True)
        return
    line, number = 1, 0
    header: list[str] = []
    try:
        for cells in reader:
            where, line = f"{path}:{line}", reader.line_num + 1
            if not cells:
                continue
            if not header:
                header = [name.strip() for name in cells]
                if delimiter == "," and len(header) == 1 and ";" in header[0]:
                    yield Fault(where, "expected cells divided by commas, got semicolons; save with commas", ends=True)
                    return
                if twice := sorted({name for name in header if header.count(name) > 1}):
                    yield Fault(where, f"expected columns of different names, got {shown(twice[0])} twice", ends=True)
                    return
                continue
            if len(cells) == len(header):
                yield Row(where, str(number), dict(zip(header, cells, strict=True)))
            else:
                yield Fault(where, f"expected {len(header)} cells, as the first line has, got {len(cells)}")
            number += 1
    except csv.Error as error:
        yield Fault(f"{path}:{line}", f"expected a table, got {error}; nothing after is read", ends=True)


def sibling(path: Path, root: Path, suffixes: tuple[str, ...]) -> str | None:
    """Returns the file of the same stem beside another, as a path below `root`. Raises Bad for two of them."""
    spelt = ((path.with_suffix(suffix), path.with_suffix(suffix.upper())) for suffix in suffixes)
    found = [next(one for one in pair if one.is_file()) for pair in spelt if any(one.is_file() for one in pair)]
    if len(found) > 1:
        raise Bad(f"expected one file of {' '.join(suffixes)}, got {', '.join(one.name for one in found)}; keep one")
    return below(found[0], root) if found else None


def below(path: Path, root: Path) -> str:
    """Returns a path relative to a folder, in POSIX form."""
    return path.relative_to(root).as_posix()


def files(root: Path, *suffixes: str) -> list[Path]:
    """Returns every file below a folder with one of the suffixes, by path, without hidden and partial ones."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in suffixes)
    seen = (path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))
    return sorted(path for path in seen if not unfinished(path))


def _kind(value: Any) -> str:
    names = {"NoneType": "nothing", "dict": "an object", "list": "a list", "str": "a text", "bool": "true or false"}
    return names.get(type(value).__name__, "a number")
