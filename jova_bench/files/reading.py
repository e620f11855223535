"""Reads files that users write; every fault is a single line that names the file.

For any file, a reader gets a value or a `BenchError`: no other exception, no wait at a pipe, no more memory
than a bound. Numbers are finite, texts can be encoded and be parts of paths, keys stand once.
"""

from __future__ import annotations

import codecs
import json
import math
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jova_bench.digests import file_digest, shortened
from jova_bench.errors import BenchError
from jova_bench.files.paths import shown_path
from jova_bench.formatting.messages import faults_of, shown

RecordType = TypeVar("RecordType", bound=BaseModel)
Pairs = Callable[[list[tuple[str, Any]]], Any]

LARGEST_BYTES = 2**30
"""Maximum size of a file of records or prompts. A million prompts take less than half of it."""
LARGEST_TOML_BYTES = 2**22
"""Maximum size of a file written by hand: four megabytes are far more than people write."""
DEEPEST = 64
"""Maximum nesting of lists and objects. A manifest has six levels."""
_MARKS = (  # The longest first: UTF-32's begins as UTF-16's does.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Unread(BenchError):
    """Raised for a fault in a file."""

    def __init__(self, where: str | os.PathLike[str], fault: str, todo: str = "") -> None:
        """Formats the message: place, fault and advice on one line.

        Args:
            where: the file, with the line or the field where it is known.
            fault: expected, got.
            todo: what to do about it, where that can be known.
        """
        self.where, self.fault = shown_path(where), fault
        self.what = f"{fault}; {todo}" if todo else fault
        super().__init__(f"{self.where}: {self.what}")


@contextmanager
def advising(todo: str) -> Iterator[None]:
    """Gives other advice on the faults of a file that no user wrote: what makes it again."""
    try:
        yield
    except Unread as error:
        raise Unread(error.where, error.fault, todo) from error


def read_bytes(path: str | os.PathLike[str], most: int = LARGEST_BYTES, kind: str = "file") -> bytes:
    """Reads a regular file.

    Args:
        path: the file.
        most: maximum size in bytes.
        kind: expected kind of file, for messages.

    Raises:
        BenchError: it is missing, unreadable, longer, or a folder, pipe or device.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise Unread(path, "expected a file, got a pipe or a device", "write it to a file first")
            if about.st_size > most:
                raise Unread(path, f"expected at most {most:,} bytes, got {about.st_size:,}", "split the file")
            return file.read(most + 1)  # Of one that grows, no more.
    except OSError as error:
        raise Unread(path, f"expected a readable {kind}, got: {error.strerror or error}") from error
    except ValueError as error:
        raise BenchError(f"expected the path of a file, got {shown(str(path))}: {error}") from error


def _at_once(path: str, flags: int) -> int:
    """Opens a file without blocking: a pipe without a writer would block the command without end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_text(path: str | os.PathLike[str], most: int = LARGEST_BYTES, kind: str = "UTF-8 file") -> str:
    """Reads a text: UTF-8, or UTF-16 as PowerShell and Excel write it, by its byte order mark. Ends of lines stay.

    Raises:
        BenchError: as `read_bytes`, and for a file that is no text.
    """
    content = read_bytes(path, most, kind)
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None) or _unmarked(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"byte {content[error.start]:#04x} on line {line}: {error.reason} of {encoding.upper()}"
        raise Unread(path, f"expected a readable {kind}, got {what}", "save it as UTF-8") from error
    if (zero := text.find("\0")) >= 0:
        line = text.count("\n", 0, zero) + 1
        raise Unread(path, f"expected a readable {kind}, got a zero byte on line {line}", "save it as UTF-8")
    return text


def _unmarked(content: bytes) -> str:
    """Guesses the encoding of an unmarked file: UTF-8, unless one of its first two bytes, which are ASCII, is zero."""
    zeros = [byte == 0 for byte in content[:2]]
    return "utf-16-be" if zeros == [True, False] else "utf-16-le" if zeros == [False, True] else "utf-8"


def unchanged(path: Path, digest: str | None) -> Path:
    """Returns the path of a file that still has the digest.

    Raises:
        BenchError: the file changed since its digest was computed; None is not checked.
    """
    if digest is not None and (now := file_digest(path)) != digest:
        what = f"expected the content that it had when the command began, sha256 {shortened(digest)}"
        raise Unread(path, f"{what}, got {shortened(now)}", "put the old file back, or start again in another folder")
    return path


def parse_json(text: str, where: str, pairs: Pairs | None = None) -> Any:
    """Parses a JSON text.

    Args:
        text: one value.
        where: name in messages: a file, or `FILE:LINE`.
        pairs: makes an object from its keys and values; None for `unique_keys`.

    Raises:
        BenchError: it is no JSON, an object has a key twice, or `check` refuses a value.
    """
    try:
        value = json.loads(text, object_pairs_hook=pairs or unique_keys)
    except json.JSONDecodeError as error:
        if not text.strip():
            raise Unread(where, "expected JSON, got nothing") from error
        at = where if error.lineno == 1 else f"{where}:{error.lineno}"
        raise Unread(at, f"expected JSON, got {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise Unread(where, f"expected JSON, got one nested too deeply: more than {DEEPEST} levels") from error
    except ValueError as error:
        raise Unread(where, f"expected JSON, got {_long(error)}") from error
    check(value, where)
    return value


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads a JSON file. Raises BenchError as `read_text` and `parse_json`."""
    return parse_json(read_text(path), str(path))


def read_json_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, Any]]:
    """Reads a file of JSON lines, skipping blank lines.

    Yields:
        The line's number from 1, and its value, or the `BenchError` of this line: a caller may report all of them.

    Raises:
        BenchError: as `read_text`.
    """
    text = read_text(path, kind="UTF-8 file of JSON lines")
    # Not splitlines: a JSON string may hold U+2028 and its kin.
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line.strip():
            try:
                value = parse_json(line, f"{path}:{number}")
            except BenchError as error:
                value = error
            yield number, value


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a TOML file.

    Raises:
        BenchError: as `read_text`, for a file that is no TOML, and for a value that `check` refuses.
    """
    try:
        value = tomllib.loads(read_text(path, LARGEST_TOML_BYTES, "TOML file in UTF-8"))
    except RecursionError as error:
        raise Unread(path, f"expected TOML, got one nested too deeply: more than {DEEPEST} levels") from error
    except ValueError as error:
        raise Unread(path, f"expected TOML, got {_long(error)}") from error
    check(value, str(path))
    return value


def check(value: Any, where: str) -> None:
    """Checks every number and text of a parsed value, and its nesting.

    Raises:
        BenchError: NaN or an infinity, a number that no float can be, a text with half a character or a zero byte, or
            more than `DEEPEST` levels.
    """
    todo: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while todo:
        at, one = todo.pop()
        if isinstance(one, dict | list):
            if len(at) >= DEEPEST:
                raise Unread(_place(where, at[:3]), f"nested too deeply: more than {DEEPEST} levels")
            items = one.items() if isinstance(one, dict) else enumerate(one)
            for key, inner in items:
                if wrong := _fault_of(key):
                    raise Unread(_place(where, at), wrong)
                todo.append(((*at, key), inner))
        elif wrong := _fault_of(one):
            raise Unread(_place(where, at), wrong)


def as_record(kind: type[RecordType], value: Any, where: str) -> RecordType:
    """Makes a record from a parsed value.

    Raises:
        BenchError: the value does not fit: `WHERE: field: expected, got`.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        known = [str(field.validation_alias or name) for name, field in kind.model_fields.items()]
        raise Unread(where, faults_of(error, known)[0]) from error


def _place(where: str, at: Sequence[str | int]) -> str:
    return f"{where}: {'.'.join(map(str, at))}" if at else where


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes an object with unique keys. Raises ValueError for a repeated key, which `json` would accept silently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} twice in one object; keep one")
    return found


def _fault_of(value: Any) -> str | None:
    if isinstance(value, str):
        if "\0" in value:
            return "expected a text without zero bytes, got one with \\u0000"
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            return "expected whole characters, got half of a surrogate pair (\\ud800 to \\udfff)"
    elif isinstance(value, float) and not math.isfinite(value):
        return f"expected a finite number, got {value}"
    elif isinstance(value, int) and value.bit_length() > 1023:
        return "expected a number below 1e308, got a longer one"
    return None


def _long(error: ValueError) -> str:
    """Formats the error of a number of over 4,300 digits, for which Python's text advises programmers."""
    return "a number of thousands of digits" if "integer string conversion" in str(error) else str(error)
