"""Errors between a transcript and recognised text: one normalisation, then edits per word or per character."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from jova_bench.errors import Undefined
from jova_bench.prompts import Prompt
from jova_bench.records import Micro

UNSPACED = frozenset({"zh", "cmn", "yue", "ja", "th", "lo", "my", "km"})
"""Languages written without spaces between words (as in Radford et al. 2022, arXiv 2212.04356, section 4.4)."""

MARKED = frozenset(
    {"hi", "mr", "ne", "sa", "mai", "bho", "kok", "doi", "brx", "bn", "as", "pa", "gu", "or", "ta", "te", "kn", "ml"}
    | {"si", "th", "lo", "km", "my", "bo", "dz", "dv"}
)
"""Languages whose scripts write vowels as marks on letters (Indic ones, Thai, Lao, Khmer, Burmese, Tibetan, Thaana)."""

DOTLESS = frozenset({"tr", "az", "crh", "gag"})
"""Languages in which the small letter of I has no dot."""


def primary(language: str) -> str:
    """Returns the primary subtag of a BCP 47 tag: `zh-Hant-TW` -> `zh`."""
    return language.split("-")[0].lower()


# The transcript of a prompt is asked for by every model, seed and slice.
@lru_cache(maxsize=4096)
def normalise(text: str, language: str) -> str:
    """Normalises a text as Whisper's evaluation does: case, punctuation and spellings of one word made equal.

    Languages without spaces come back as one character per word.
    """
    normal = _normaliser(primary(language))(text).strip()
    return normal if any(letter.isalnum() for letter in normal) else ""  # Whisper's rules keep a bare "..."


@lru_cache(maxsize=8)
def _normaliser(language: str) -> Callable[[str], str]:
    if language == "en":
        from whisper_normalizer.english import EnglishTextNormalizer

        return EnglishTextNormalizer()
    from whisper_normalizer.basic import BasicTextNormalizer

    return BasicTextNormalizer(split_letters=language in UNSPACED)


def transcript_length(prompt: Prompt | None, micro: Micro) -> int:
    """Counts the words or characters of a prompt's normalised transcript, or those words that an edit makes.

    It is the weight of a clip in the micro average: errors of all clips over words, or characters, of all clips.
    Where nothing separates words, each character is one.
    """
    if prompt is None:
        return 0
    if micro == "new_words":
        try:
            return len(new_words(prompt.transcript, prompt.language, made_words(prompt)))
        except Undefined:  # The clip has no value then.
            return 0
    said = normalise(prompt.transcript, prompt.language)
    return len(said.split() if micro == "transcript_words" else _characters(said, prompt.language))


def word_error_rate(transcript: str, heard: str, language: str) -> float:
    """Computes (substitutions + deletions + insertions) / words of the transcript; above 1 with many insertions.

    Raises Undefined for an empty transcript, for languages that do not separate words, and for letters with marks.
    """
    import jiwer

    _require_spaces(language)
    said, heard = _compared(transcript, heard, language)
    return jiwer.wer(said, heard)


def new_word_error_rate(transcript: str, heard: str, language: str, words: tuple[int, int]) -> float:
    """Computes errors among the new words of an edited clip, over their number.

    Both texts are aligned as a whole. Substitutions and deletions of new words count, and so do insertions between them
    or at their border: what is kept is the clip's own sound, so a word inserted at the border was said in the span. For
    the same reason, of several alignments with the fewest errors the one with most errors among new words counts; jiwer
    takes any one.

    Args:
        transcript: what the whole clip is to say.
        heard: what was heard of the whole clip.
        language: BCP 47 tag of both.
        words: index in the transcript of the first new word, and the number of new words.

    Raises:
        Undefined: as by `word_error_rate` and `new_words`.
    """
    _require_spaces(language)
    said, heard = _compared(transcript, heard, language)
    new = new_words(transcript, language, words)
    return _errors_among(said.split(), heard.split(), new) / len(new)


def _errors_among(said: Sequence[str], heard: Sequence[str], new: range) -> int:
    """Counts errors among new words: the most of any alignment with the fewest errors in all."""

    def after(cost: tuple[int, int], counts: bool) -> tuple[int, int]:
        return cost[0] + 1, cost[1] - counts  # Tuples compare by errors in all, then by most among new words.

    # Costs of aligning the words said so far with the first words heard; a word inserted before said[i] has place i.
    row = [(0, 0)]
    for _ in heard:
        row.append(after(row[-1], new.start == 0))
    for place, word in enumerate(said):
        made, border = place in new, new.start <= place + 1 <= new.stop
        above, row = row, [after(row[0], made)]
        for column, other in enumerate(heard):
            replaced = above[column] if word == other else after(above[column], made)
            row.append(min(replaced, after(above[column + 1], made), after(row[column], border)))
    return -row[-1][1]


def made_words(prompt: Prompt) -> tuple[int, int]:
    """Returns the index of the first word that an edit makes, and their number. Raises Undefined without any."""
    if prompt.edit is None:
        raise Undefined("no edit")
    if prompt.edit.words is None:
        raise Undefined(f"an edit of kind {prompt.edit.kind!r} has no new words")
    return prompt.edit.words


def new_words(transcript: str, language: str, words: tuple[int, int]) -> range:
    """Returns the places of new words in the normalised transcript. Raises Undefined where they have none.

    Normalising makes two words of one or one of two ("can't", "twenty one"). Where it joins a new word with another,
    no word of the result is new or kept.

    Args:
        transcript: as written.
        language: BCP 47 tag.
        words: index in the transcript of the first new word, and the number of new words.
    """
    written, (first, count) = transcript.split(), words
    parts = (written[:first], written[first : first + count], written[first + count :])
    before, new, after = (normalise(" ".join(part), language).split() for part in parts)
    if not new:
        raise Undefined("no new words")
    if [*before, *new, *after] != normalise(transcript, language).split():
        raise Undefined("new words have no place in the normalised transcript: it joins them with others")
    return range(len(before), len(before) + len(new))


def _require_spaces(language: str) -> None:
    """Raises Undefined for languages that do not separate words."""
    if primary(language) in UNSPACED:
        raise Undefined("WER needs spaces between words; see cer")


def character_error_rate(transcript: str, heard: str, language: str) -> float:
    """Returns edits per character of the transcript; spaces count where they separate words.

    Raises Undefined for an empty transcript and for letters with marks.
    """
    import jiwer

    said, heard = _compared(transcript, heard, language)
    return jiwer.cer(_characters(said, language), _characters(heard, language))


def _characters(text: str, language: str) -> str:
    """Returns the characters that count in a normalised text: spaces do where they separate words."""
    return text.replace(" ", "") if primary(language) in UNSPACED else text


def _compared(transcript: str, heard: str, language: str) -> tuple[str, str]:
    """Normalises both texts, unless that would remove what was written.

    Whisper's rules for languages other than English put a space where a mark stands, as if it were punctuation: words
    fall apart and differ no more where they differed in a mark (or, with and without vowel signs, differ wholly).
    Letters that have their mark in one code point stay; what is decomposed is composed first.
    """
    if not (said := normalise(transcript, language)):
        raise Undefined("no transcript")
    if primary(language) in MARKED and "latn" not in language.lower().split("-"):
        raise Undefined(f"letters of {language!r} carry marks, at which Whisper's normaliser splits words")
    for what, text in (("the transcript", transcript), ("what was heard", heard)):
        # Of an English transcript, whatever else was heard is an error, with its marks or without.
        english = primary(language) == "en"
        if not (english and text is heard) and (mark := _mark(text, latin=not english)):
            raise Undefined(f"{what} has letters that carry marks ({mark}), at which Whisper's normaliser splits words")
        if primary(language) in DOTLESS and "I" in text:
            raise Undefined(
                f"{what} has a capital I, of which Whisper's normaliser makes another letter than {language}"
            )
    return said, normalise(heard, language)


def _mark(text: str, latin: bool) -> str | None:
    """Returns the name of the first mark on a letter that has no code point with it; signs after emojis do not count.

    Marks on Latin letters count only if `latin`: the rules for English drop every mark, which is meant for those.
    """
    before = letter = ""
    # In the normaliser's order: a capital I with a dot becomes two code points in lower case, which have no one.
    for character in unicodedata.normalize("NFKC", text.lower()):
        kind = unicodedata.category(character)[0]
        if kind == "M" and before == "L" and not unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
            if not latin and unicodedata.name(letter, "").startswith("LATIN"):
                continue
            return unicodedata.name(character, f"U+{ord(character):04X}")
        before, letter = (before, letter) if kind == "M" else (kind, character)
    return None
