"""Normalises a text as openai/whisper does for its evaluation (Radford et al. 2022, arXiv 2212.04356, appendix C)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from jova_bench.errors import Undefined
from jova_bench.metrics.speech.languages import primary

SPLIT = frozenset({"zh", "cmn", "yue", "ja", "th", "lo", "my"})
"""Languages in whose texts each letter counts as a word: Chinese, Japanese, Thai, Lao and Burmese."""


# The transcript of a prompt is asked for by every model, seed and slice.
@lru_cache(maxsize=4096)
def published(text: str, language: str) -> str:
    """Normalises a text by the published rules: those for English, or those for any other language.

    The latter put a space where a mark stands on a letter: words in Hindi, or vocalised Arabic, fall apart.

    Args:
        text: as written.
        language: BCP 47 tag.
    """
    normal = _normaliser(primary(language))(text).strip()
    return normal if any(letter.isalnum() for letter in normal) else ""  # The rules keep a bare "..."


@lru_cache(maxsize=8)
def _normaliser(language: str) -> Callable[[str], str]:
    if language == "en":
        from whisper_normalizer.english import EnglishTextNormalizer

        return EnglishTextNormalizer()
    from whisper_normalizer.basic import BasicTextNormalizer

    return BasicTextNormalizer(split_letters=language in SPLIT)


def published_word_error_rate(transcript: str, heard: str, language: str) -> float:
    """Returns errors per word as the published rules have it, marks or not. Raises Undefined for an empty transcript.

    Args:
        transcript: what is to be said.
        heard: what was heard.
        language: BCP 47 tag of both.
    """
    import jiwer

    if not (said := published(transcript, language)):
        raise Undefined("no transcript")
    return jiwer.wer(said, published(heard, language))
