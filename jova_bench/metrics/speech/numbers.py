"""Writes whole numbers as words of a language, as recognisers write either."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from jova_bench.metrics.speech.languages import primary, spaced

_INDIC = frozenset(
    [
        "as",
        "bn",
        "gu",
        "hi",
        "ml",
        "mr",
        "or",
        "pa",
        "ta",
        "te",
        "kn",
        "ur",
        "doi",
        "sat",
        "mai",
        "sd",
        "brx",
        "ne",
        "mni",
        "kok",
        "ks",
        "sa",
    ]
)
"""Languages of indic-numtowords."""
_OTHER_CODE = {"kk": "kz", "nb": "no", "nn": "no", "iw": "he", "in": "id"}
"""Languages with another code in num2words."""
_LONGEST = 12
"""Digits of the longest number that is read as one."""
_ALONE = re.compile(r"(?<![^\W_ʼ])\d+(?![^\W_ʼ])")
"""A number between spaces and punctuation, and no part of a name (B2)."""


def spelled(text: str, language: str) -> str:
    """Writes whole numbers in words where a library knows those of the language; digits of other scripts as 0 to 9.

    Punctuation separates numbers as it separates words: "10:30" is ten and thirty. What letters follow stays digits, as
    do numbers in Chinese and Japanese, whose published rates count them as they are written.

    Args:
        text: as written, in NFKC.
        language: BCP 47 tag.
    """
    text = "".join(str(unicodedata.decimal(sign, sign)) for sign in text)
    words = _words(language)
    if words is None:
        return text
    return (_ALONE if spaced(language) else re.compile(r"\d+")).sub(lambda found: _read(found[0], words), text)


def _read(digits: str, words: Callable[[int], str]) -> str:
    if len(digits) > _LONGEST or str(int(digits)) != digits:  # 007 and longer ones stay as they are written.
        return digits
    try:
        return words(int(digits))
    except (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError):  # As the libraries fail.
        return digits


@lru_cache(maxsize=32)
def _words(language: str) -> Callable[[int], str] | None:
    """Returns what writes a number in words of a language; None where no library does."""
    tag = primary(language)
    if tag in _INDIC:
        from indic_numtowords import num2words as indic

        return lambda number: str(indic(number, lang=tag))
    if tag in ("zh", "ja", "en", "am"):  # In Amharic num2words 0.5.14 fails above 1000, and never ends at a million.
        return None
    from num2words import CONVERTER_CLASSES, num2words

    # Those of a region, where they differ: nonante in Switzerland.
    regions = [f"{tag}_{part.upper()}" for part in language.split("-")[1:]]
    code = next((code for code in (*regions, _OTHER_CODE.get(tag, tag)) if code in CONVERTER_CLASSES), None)
    if code is None:
        return None
    if tag == "ar":  # "and" is written together with what follows.
        return lambda number: str(num2words(number, lang=code)).replace(" و ", " و")
    return lambda number: str(num2words(number, lang=code))
