"""Errors between a transcript and recognised text: one normalisation, then edits per word or per character."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from jova_bench.errors import Undefined
from jova_bench.metrics.speech.languages import primary, spaced
from jova_bench.metrics.speech.published import published
from jova_bench.metrics.speech.spoken import spoken
from jova_bench.prompts import Prompt
from jova_bench.records import Micro

Rules = Literal["spoken", "whisper"]
"""What makes equal what is said alike: rules for any language, or those that were published for Whisper."""
_NORMALISE: Mapping[Rules, Callable[[str, str], str]] = {"spoken": spoken, "whisper": published}


def rules_of(micro: Micro | None) -> Rules:
    """Returns the rules by which the words are counted that an error rate is weighted by."""
    return "spoken" if micro and micro.startswith(("spoken", "speakers")) else "whisper"


def words(text: str, language: str, rules: Rules = "spoken") -> list[str]:
    """Returns the words of a normalised text, its characters where a language doesn't separate words.

    Args:
        text: as written.
        language: BCP 47 tag.
        rules: of normalising.
    """
    normal = _NORMALISE[rules](text, language)
    return list(normal) if rules == "spoken" and not spaced(language) else normal.split()


def transcript_length(prompt: Prompt | None, micro: Micro) -> int:
    """Counts the words or characters of a prompt's normalised transcript, of its speakers', or of what an edit makes.

    It is the weight of a clip in the micro average: errors of all clips over words, or characters, of all clips.
    Where nothing separates words, each character is one.
    """
    if prompt is None:
        return 0
    rules = rules_of(micro)
    if micro in ("new_words", "spoken_new_words"):
        try:
            return len(new_words(prompt.transcript, prompt.language, made_words(prompt), rules))
        except Undefined:  # The clip has no value then.
            return 0
    if micro in ("speakers_words", "speakers_characters"):
        unit: Literal["wer", "cer"] = "wer" if micro == "speakers_words" else "cer"
        said = [_NORMALISE["spoken"](one.text, prompt.language) for one in prompt.speakers]
        return sum(length(text, prompt.language, unit) for text in said)
    if micro in ("transcript_words", "spoken_words"):
        return len(words(prompt.transcript, prompt.language, rules))
    return len(_characters(_NORMALISE[rules](prompt.transcript, prompt.language), prompt.language))


def word_error_rate(transcript: str, heard: str, language: str, rules: Rules = "spoken") -> float:
    """Computes (substitutions + deletions + insertions) / words of the transcript; above 1 with many insertions.

    Raises Undefined for an empty transcript, for languages that do not separate words, and for an English transcript
    with marks of other scripts.

    Args:
        transcript: what is to be said.
        heard: what was heard.
        language: BCP 47 tag of both.
        rules: of normalising both.
    """
    import jiwer

    require_spaces(language)
    said, heard = compared(transcript, heard, language, rules)
    return jiwer.wer(said, heard)


def new_word_error_rate(
    transcript: str, heard: str, language: str, made: tuple[int, int], rules: Rules = "spoken"
) -> float:
    """Computes errors among the new words of an edited clip, over their number.

    Both texts are aligned as a whole. Substitutions and deletions of new words count, and so do insertions between them
    or at their border: what is kept is the clip's own sound, so a word inserted at the border was said in the span. For
    the same reason, of several alignments with the fewest errors the one with most errors among new words counts; jiwer
    takes any one.

    Args:
        transcript: what the whole clip is to say.
        heard: what was heard of the whole clip.
        language: BCP 47 tag of both.
        made: index in the transcript of the first new word, and the number of new words.
        rules: of normalising both.

    Raises:
        Undefined: as by `word_error_rate` and `new_words`.
    """
    require_spaces(language)
    said, heard = compared(transcript, heard, language, rules)
    new = new_words(transcript, language, made, rules)
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


def new_words(transcript: str, language: str, made: tuple[int, int], rules: Rules = "spoken") -> range:
    """Returns the places of new words in the normalised transcript. Raises Undefined where they have none.

    Normalising makes two words of one or one of two ("can't", "twenty one"). Where it joins a new word with another,
    no word of the result is new or kept.

    Args:
        transcript: as written.
        language: BCP 47 tag.
        made: index in the transcript of the first new word, and the number of new words.
        rules: of normalising.
    """
    written, (first, count) = transcript.split(), made
    parts = (written[:first], written[first : first + count], written[first + count :])
    before, new, after = (words(" ".join(part), language, rules) for part in parts)
    if not new:
        raise Undefined("no new words")
    if [*before, *new, *after] != words(transcript, language, rules):
        raise Undefined("new words have no place in the normalised transcript: it joins them with others")
    return range(len(before), len(before) + len(new))


def require_spaces(language: str) -> None:
    """Raises Undefined for languages that do not separate words."""
    if not spaced(language):
        raise Undefined("WER needs spaces between words; see cer")


def character_error_rate(transcript: str, heard: str, language: str, rules: Rules = "spoken") -> float:
    """Returns edits per character of the transcript; spaces count where they separate words.

    A character is a code point of the normalised text, as in published rates (jiwer, FLEURS: arXiv 2205.12446): a wrong
    tone of Thai is one of the signs of its syllable, as it is one of the letters of a word elsewhere. Clusters of a
    letter with its marks are others in each version of Unicode: since 15.1 a Hindi conjunct is one and not two.

    Raises Undefined for an empty transcript and for an English transcript with marks of other scripts.

    Args:
        transcript: what is to be said.
        heard: what was heard.
        language: BCP 47 tag of both.
        rules: of normalising both.
    """
    import jiwer

    said, heard = compared(transcript, heard, language, rules)
    return jiwer.cer(_characters(said, language), _characters(heard, language))


def length(text: str, language: str, unit: Literal["wer", "cer"]) -> int:
    """Counts the words or characters of a normalised text."""
    return len(text.split()) if unit == "wer" else len(_characters(text, language))


def _characters(text: str, language: str) -> str:
    """Returns the characters that count in a normalised text: spaces do where they separate words."""
    return text if spaced(language) else text.replace(" ", "")


def compared(transcript: str, heard: str, language: str, rules: Rules) -> tuple[str, str]:
    """Normalises both texts, unless that would remove what was written.

    Whisper's rules for English drop the marks of letters, which is meant for those of naïve and café. Of an English
    transcript, whatever else was heard is an error, with its marks or without.
    """
    normalise = _NORMALISE[rules]
    if not (said := normalise(transcript, language)):
        raise Undefined("no transcript")
    if primary(language) == "en" and (mark := _mark(transcript)):
        raise Undefined(
            f"the transcript has letters that carry marks ({mark}), at which Whisper's normaliser splits words"
        )
    return said, normalise(heard, language)


def _mark(text: str) -> str | None:
    """Returns the name of the first mark on a letter other than Latin; signs after emojis do not count."""
    before = letter = ""
    for character in unicodedata.normalize("NFKC", text.lower()):
        kind = unicodedata.category(character)[0]
        if kind == "M" and before == "L" and not unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
            if not unicodedata.name(letter, "").startswith("LATIN"):
                return unicodedata.name(character, f"U+{ord(character):04X}")
            continue
        before, letter = (before, letter) if kind == "M" else (kind, character)
    return None
