"""Prints results on stdout and messages on stderr. A failure to print never ends a command after its work.

A terminal of another encoding gets the nearest ASCII, output to a closed pipe is dropped, and the exit code still
reports the work.
"""

from __future__ import annotations

import codecs
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from jova_bench.errors import BenchError
from jova_bench.formatting.text import escaped, table, visible
from jova_bench.ids import printable

PLAIN = {
    "↑": "^", "↓": "v", "→": "->", "←": "<-", "–": "-", "—": "-", "−": "-", "…": "...", "∞": "inf", "×": "x", "·": ".",
    "‘": "'", "’": "'", "“": '"', "”": '"', "²": "2",
}  # fmt: skip
"""ASCII for the signs of our own tables, of the same width where a column depends on it."""
_FALLBACK = "jova_bench.plain"


def prepare() -> None:
    """Opens the standard streams that a shell closed (`>&-`), before a run's file can take their descriptors."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Gets the lowest number that is free.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def show(text: str) -> None:
    """Prints results as they are, or in the nearest ASCII where stdout's encoding lacks a sign.

    Raises:
        BenchError: stdout cannot be written, for another reason than a closed pipe.
    """
    encoding = _encoding(sys.stdout)
    encodable = printable(text).encode(encoding, _FALLBACK).decode(encoding)
    try:
        _write(sys.stdout, encodable)
    except OSError as error:
        raise BenchError(f"cannot write to stdout: {error.strerror}; recorded results are kept") from error


def on_terminal() -> bool:
    """Returns whether results go to a terminal, not to a file or another program."""
    return sys.stdout.isatty()


def show_page(markdown: str) -> None:
    """Prints a page of Markdown: drawn as wide as the terminal, and as it is where it goes to a file or a program."""
    if not on_terminal():
        show(markdown)
        return
    from jova_bench.formatting.drawing import drawn

    show(drawn(markdown, shutil.get_terminal_size().columns, ascii_only=not _in_utf_8()))


def show_table(header: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Prints a table of any texts, as `show_page` does."""
    show_page(f"{table(header, [[escaped(cell) for cell in row] for row in body])}\n")


def show_json(text: str) -> None:
    """Prints a JSON text, which is always UTF-8: with escapes where stdout has another encoding."""
    show(text if _in_utf_8() else re.sub(r"[^\x00-\x7f]", _escape, text))


def tell(line: str) -> None:
    """Prints a message; where it cannot be written, it is dropped, because the work is worth more."""
    with suppress(OSError):
        _write(sys.stderr, f"{visible(printable(line))}\n")


def _write(stream: TextIO, text: str) -> None:
    """Writes and flushes. Once the reader of a pipe has closed it (`| head`), everything is dropped silently."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise


def _in_utf_8() -> bool:
    return codecs.lookup(_encoding(sys.stdout)).name == "utf-8"


def _encoding(stream: TextIO) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _escape(letter: re.Match[str]) -> str:
    """Returns a character as JSON escapes it: one number of four digits, or two for a character beyond them."""
    units = letter[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replaces what an encoding lacks: our own signs spelt out, letters without accents, numbers for the rest."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spelt, error.object[error.start : error.end])), error.end


def _spelt(letter: str) -> str:
    if letter in PLAIN:
        return PLAIN[letter]
    base = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
    return base if base.isascii() and base.isprintable() and base else f"U+{ord(letter):04X}"


codecs.register_error(_FALLBACK, _plain)
