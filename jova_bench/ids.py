"""Ids of prompts and models: which texts are one, how any name becomes one, and the file name that stands for one."""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 120
"""Characters of an id."""
KEPT = 100
"""Characters of a name that an id keeps where it cannot keep all of them."""
FILE_BYTES = 200
"""Of an id inside a file's name: file systems take 255, and seed, suffix and the mark of a part come after it."""
_ASCII = re.compile(rf"[A-Za-z0-9._-]{{1,{LONGEST}}}")
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks that show nothing (Unicode: default ignorable): two ids that look the same would differ by them."""


def check_id(value: str) -> str:
    """Returns an id in its composed form (NFC). Raises ValueError for what is none.

    Ids stand in tables and name files, so they must show what they are, and must not be able to leave a folder.
    """
    if _ASCII.fullmatch(value) and ".." not in value:
        return value
    composed = unicodedata.normalize("NFC", value)
    if not _fits(composed):
        raise ValueError(
            f"expected 1 to {LONGEST} letters and digits of any script, '.', '_' and '-', without '..', got {value!r}"
        )
    return composed


def safe_id(text: str) -> str:
    """Makes an id of any name: its composed form where that is one, so an id stays as it is.

    Of any other name, what is no letter or digit becomes `_`, and 8 hex digits of the name's sha256 follow, so that
    two names never meet.
    """
    text = unicodedata.normalize("NFC", text)
    if _fits(text):
        return text
    kept = re.sub(r"\.{2,}", ".", "".join(letter if _kept(letter) else "_" for letter in text))[:KEPT]
    if not kept or _is_mark(kept[0]):
        kept = f"_{kept[1:]}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return unicodedata.normalize("NFC", f"{kept}-{digest[:8]}")


def file_stem(value: str) -> str:
    """Returns an id as a file's name begins with it: itself, or, where file systems could not hold it, its beginning.

    A shortened one ends in `~` and 16 hex digits of the id's sha256; as no id has a `~`, none is another id's.
    """
    content = value.encode()
    if len(content) <= FILE_BYTES:
        return value
    end = f"~{hashlib.sha256(content).hexdigest()[:16]}"
    return content[: FILE_BYTES - len(end)].decode(errors="ignore") + end


def printable(text: str) -> str:
    r"""Returns a text that records and terminals take: bytes of a file's name that are no UTF-8 become `\udcNN`."""
    return text.encode("utf-8", "backslashreplace").decode()


def _fits(text: str) -> bool:
    """Whether a composed text is an id."""
    return 1 <= len(text) <= LONGEST and ".." not in text and not _is_mark(text[0]) and all(_kept(one) for one in text)


def _kept(letter: str) -> bool:
    """Whether an id may have a character: letters, their marks, decimal digits, `.`, `_` and `-`."""
    if letter.isascii():
        return letter.isalnum() or letter in "._-"
    kind = unicodedata.category(letter)
    return (kind[0] in "LM" or kind == "Nd") and not _UNSEEN.match(letter)


def _is_mark(letter: str) -> bool:
    """A mark joins what stands before it, such as a quote or a slash, when it comes first."""
    return unicodedata.category(letter)[0] == "M"
