"""Writes a text as it is spoken, so that two texts of the same words are the same letters, in any language.

Whisper's rules (Radford et al. 2022, appendix C) do so for English, and are taken for it. For other languages they put
a space where a mark stands, as if it were punctuation. Vowels of Indic and other scripts are marks, so words fall apart
and no longer differ where they differed in a vowel (Manohar et al. 2024, arXiv 2409.02449). These rules keep to
Whisper's in all else: what stands in brackets is out, case is out, and punctuation and symbols are spaces.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import regex

from jova_bench.metrics.speech.languages import (
    ELIDING,
    LETTER_APOSTROPHE,
    OPTIONAL,
    SAME_LETTER,
    folded,
    primary,
    spaced,
)
from jova_bench.metrics.speech.numbers import spelled
from jova_bench.metrics.speech.published import published

_QUOTES = str.maketrans(dict.fromkeys("’‘‛`´＇՚׳", "'") | dict.fromkeys("ʻʽꞌꞋ", "ʼ"))
"""Apostrophes, whatever sign was typed: those that may as well be quotation marks, and those that are letters."""
_JOINED = {
    **{f"{letter}\u0d4d\u200d": chillu for letter, chillu in zip("ണനരലളക", "ൺൻർൽൾൿ", strict=True)},
    "\u0930\u094d\u200d": "\u0931\u094d",  # Marathi दऱ्या, valleys, is not दर्या, sea.
    "\u09a4\u09cd\u200d": "\u09ce",
}
"""Letters that were written with a joiner before they had code points (Unicode, chapter 12)."""
_TWO_LETTERS = {"װ": "וו", "ױ": "וי", "ײ": "יי", "เเ": "แ"}
"""Signs drawn like others, and the two of which they were made or typed."""
_IN_WORDS = r"[՛՜՞՟]|(?<=\p{Hebrew})[\"״”“](?=\p{Hebrew})|(?<=l)·(?=l)"
"""Signs within a word: Armenian ones on its vowel, quotation marks of Hebrew acronyms, the Catalan dot."""
_SEPARATING = r"(?![၌၍၎၏])[\p{P}\p{S}\p{Cc}\p{Cf}]"
"""What separates words; four words of Burmese are punctuation to Unicode."""
_LETTER = r"[\p{L}\p{M}]"


# The transcript of a prompt is asked for by every model, seed and slice.
@lru_cache(maxsize=4096)
def spoken(text: str, language: str) -> str:
    """Normalises a text to the words that are spoken: one space between them, none where the language has none.

    In NFC or NFD, in capitals or small letters, the result is the same, and is itself left as it is.

    Args:
        text: as written.
        language: BCP 47 tag.
    """
    tag = primary(language)
    text = unicodedata.normalize("NFC", text).translate(_QUOTES)
    if tag == "en" or tag in ELIDING:
        text = text.replace("ʼ", "'")
    if tag == "en":
        return published(_visible(text), language)
    text = re.sub(r"[<\[][^>\]]*[>\]]|\([^)]+?\)", "", text)
    text = re.sub(r"(?<=\d)[\u00a0\u202f](?=\d{3}(?!\d))", "", text)  # A space that breaks no line: one number.
    text = _visible(unicodedata.normalize("NFKC", text))
    # A mark without a letter under it was typed so, or is of a symbol or a digit.
    text = regex.sub(rf"(?<!{_LETTER})\p{{M}}+|\p{{Me}}", "", text)
    text = spelled(text, language).translate(_QUOTES)
    text = _words(_letters(folded(text, language), tag), tag)
    return " ".join(text.split()) if spaced(language) else "".join(text.split())


def _visible(text: str) -> str:
    """Removes what is no letter: joiners, directions, variants of a drawing, soft hyphens, the tatweel of a long line.

    A space of no width is a space.
    """
    for joined, letter in _JOINED.items():
        text = text.replace(joined, letter)
    return regex.sub(r"\p{Default_Ignorable_Code_Point}", "", text.replace("\u200b", " ").replace("ـ", ""))


def _letters(text: str, language: str) -> str:
    """Writes each letter in one way, without the marks that the language may leave out."""
    for drawn, letter in {**_TWO_LETTERS, **SAME_LETTER.get(language, {})}.items():
        text = text.replace(drawn, letter)
    if language in OPTIONAL:
        form, marks = OPTIONAL[language]
        text = regex.sub(marks, "", unicodedata.normalize(form, text))
    if language == "vi":  # hòa and hoà: of two schools, each with the tone on another vowel.
        tones = r"(o)([\u0300\u0301\u0303\u0309\u0323])([ae])(?!L)|(u)([\u0300\u0301\u0303\u0309\u0323])(y)(?!L)"
        text = regex.sub(tones.replace("L", _LETTER), r"\1\3\2\4\6\5", unicodedata.normalize("NFD", text))
    # Thai and Lao: NFKC takes am apart, and a tone may have been typed before or after its ring.
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"\u0e4d([\u0e48-\u0e4b])(?=\u0e32)", "\\1\u0e4d", text)
    text = re.sub(r"\u0ecd([\u0ec8-\u0ecb])(?=\u0eb2)", "\\1\u0ecd", text)
    return text.replace("\u0e4d\u0e32", "\u0e33").replace("\u0ecd\u0eb2", "\u0eb3")


def _words(text: str, language: str) -> str:
    """Puts spaces where punctuation and symbols separate words; apostrophes of words become letters."""
    text = regex.sub(_IN_WORDS, "", text)
    if language not in ELIDING:
        letters = rf"(?<={_LETTER})'(?={_LETTER})|" + LETTER_APOSTROPHE.get(language, r"(?!)")
        text = regex.sub(letters, "ʼ", text)
    return regex.sub(rf"(?<!{_LETTER})ʼ(?!{_LETTER})|{_SEPARATING}", " ", text)
