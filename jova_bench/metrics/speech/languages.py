"""What the writing of a language has of its own, by the primary subtag of its BCP 47 tag."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal, NamedTuple

UNSPACED = frozenset(
    {"zh", "cmn", "yue", "wuu", "nan", "hak", "gan", "hsn", "lzh", "ja", "th", "lo", "km", "my", "shn", "bo", "dz"}
)
"""Languages written without spaces between words (as in Radford et al. 2022, arXiv 2212.04356, section 4.4)."""
DOTLESS = frozenset({"tr", "az", "crh", "gag"})
"""Languages in which the small letter of I has no dot (Unicode's SpecialCasing.txt: tr and az)."""
ELIDING = frozenset({"fr", "it", "ca", "oc"})
"""Languages whose apostrophe stands between two words, `l'eau` (UAX 29 names French and Italian)."""
LETTER_APOSTROPHE: Mapping[str, str] = {
    "uz": r"(?<=[og])'",
    "he": r"(?<=\p{Hebrew})'",
    "yi": r"(?<=\p{Hebrew})'",
    "af": r"(?<!\p{L})'(?=n(?!\p{L}))",
    **dict.fromkeys(("haw", "sm", "to", "ty", "ha"), r"'(?=\p{L})"),
}
"""Where an apostrophe is a letter, or a part of one, that may begin or end a word, as patterns."""

_ARABIC = [
    "ar",
    "arb",
    "ars",
    "ary",
    "arz",
    "arq",
    "aeb",
    "apc",
    "apd",
    "ajp",
    "acm",
    "acw",
    "afb",
    "ayl",
    "fa",
    "pes",
    "prs",
    "ur",
    "pnb",
    "ps",
    "sd",
    "ckb",
]
_ARABIC_SIGNS = (
    r"[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
    r"\u0898-\u089f\u08ca-\u08e1\u08e3-\u08ff]"
)
_POINTS = r"[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]"


class Optional(NamedTuple):
    """Marks that a language leaves out but in primers, dictionaries and scripture."""

    form: Literal["NFC", "NFD"]
    """Unicode's form of the text in which they are looked for: composed letters are other letters."""
    pattern: str


OPTIONAL: Mapping[str, Optional] = {
    # Alef and waw with hamza or madda are composed letters, and stay.
    **dict.fromkeys(_ARABIC, Optional("NFC", _ARABIC_SIGNS)),
    # No maqaf (05be), which stands between words. Yiddish writes its vowels with points, and keeps them.
    **dict.fromkeys(("he", "iw", "hbo"), Optional("NFC", _POINTS)),
    "ru": Optional("NFD", r"[\u0300\u0301]|(?<=е)\u0308"),  # Stress; ё may be written е.
    **dict.fromkeys(("uk", "be", "bg"), Optional("NFC", r"(?<=\p{Cyrillic})[\u0300\u0301]")),
    "lt": Optional("NFD", r"[\u0300\u0301\u0303]"),  # Tones.
    "la": Optional("NFD", r"[\u0304\u0306]"),  # Lengths of vowels.
}
"""Marks that are left out of both texts: a recogniser doesn't write them, and no listener could tell."""

_PERSIAN = {"ك": "ک", "ي": "ی", "ى": "ی"}
_URDU = {**_PERSIAN, "ه": "ہ"}
_ROMANIAN = {"ş": "ș", "ţ": "ț"}
SAME_LETTER: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("fa", "pes", "prs", "ckb"), _PERSIAN),  # As roshan-ai/hazm has it.
    **dict.fromkeys(("ur", "pnb"), _URDU),
    **dict.fromkeys(("ro", "mo"), _ROMANIAN),
}
"""Code points of other languages that stand for a language's own letters: keyboards and old fonts have no other."""


def primary(language: str) -> str:
    """Returns the primary subtag of a BCP 47 tag: `zh-Hant-TW` -> `zh`."""
    return language.split("-")[0].lower()


def spaced(language: str) -> bool:
    """Returns whether words are separated: `zh` does not, `zh-Latn` (pinyin) does."""
    return primary(language) not in UNSPACED or "latn" in language.lower().split("-")


def folded(text: str, language: str) -> str:
    """Returns a text without case, in NFKC: as Unicode folds it (GRÜSSE is Grüße), and as the language writes I."""
    if primary(language) in DOTLESS:
        text = text.replace("I", "ı").replace("İ", "i")
    # A small i has its dot already: İ of another language folds to i with one more.
    return unicodedata.normalize("NFKC", re.sub("(?<=[ijį])\u0307", "", unicodedata.normalize("NFKC", text.casefold())))
