"""Checks ids of prompts and models, derives them from any name, and derives file names from them."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from jova_bench.formatting.messages import shown

LONGEST = 120
"""Maximum number of characters of an id."""
KEPT = 100
"""Characters of a name that an id keeps where it cannot keep all of them."""
FILE_BYTES = 200
"""Maximum bytes of an id in a file name: file systems allow 255, and seed, suffix and a part's mark come after it."""
_ASCII = re.compile(rf"[A-Za-z0-9._-]{{1,{LONGEST}}}")
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Invisible letters and marks (Unicode: default ignorable): two ids that look the same would differ by them."""


def check_id(value: str) -> str:
    """Returns an id in its composed form (NFC). Raises ValueError for any other text.

    Ids stand in tables and name files, so they must show what they are, and must not be able to leave a folder.
    """
    if _ASCII.fullmatch(value) and ".." not in value:
        return value
    composed = unicodedata.normalize("NFC", value)
    if not _fits(composed):
        raise ValueError(
            f"expected 1 to {LONGEST} letters and digits of any script, '.', '_' and '-', without '..', "
            f"got {shown(value)}"
        )
    return composed


def safe_id(text: str) -> str:
    """Derives an id from any name: its composed form where that is an id, so an id stays as it is.

    In any other name, each character that is no letter or digit becomes `_`, and 8 hex digits of the name's sha256
    follow, so that two names never get the same id.
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
    """Returns the beginning of an id's file name: the id, or its beginning where file systems could not hold all of it.

    A shortened one ends in `~` and 16 hex digits of the id's sha256; as no id has a `~`, none is another id's.
    """
    content = value.encode()
    if len(content) <= FILE_BYTES:
        return value
    end = f"~{hashlib.sha256(content).hexdigest()[:16]}"
    return content[: FILE_BYTES - len(end)].decode(errors="ignore") + end


def printable(text: str) -> str:
    r"""Returns a text that records and terminals accept: bytes of a file name that are no UTF-8 become `\udcNN`."""
    return text.encode("utf-8", "backslashreplace").decode()


def _fits(text: str) -> bool:
    """Returns whether a composed text is an id."""
    return 1 <= len(text) <= LONGEST and ".." not in text and not _is_mark(text[0]) and all(_kept(one) for one in text)


def _kept(letter: str) -> bool:
    """Returns whether an id may contain a character: letters, their marks, decimal digits, `.`, `_` and `-`."""
    if letter.isascii():
        return letter.isalnum() or letter in "._-"
    kind = unicodedata.category(letter)
    return (kind[0] in "LM" or kind == "Nd") and not _UNSEEN.match(letter)


def _is_mark(letter: str) -> bool:
    """Returns whether a character is a mark, which would join a quote or a slash before it if it came first."""
    return unicodedata.category(letter)[0] == "M"
