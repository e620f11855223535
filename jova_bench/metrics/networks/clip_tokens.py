"""Tokens of a text as CLIP has them; ImageBind and ViCLIP share its vocabulary.

As openai/CLIP @ d05afc4, clip/simple_tokenizer.py: ftfy repairs the text, entities of HTML are resolved twice, words
are split by a pattern, and pairs of symbols are joined in the order of `bpe_simple_vocab_16e6.txt.gz`.
"""

from __future__ import annotations

import gzip
import html
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from jova_bench.errors import Unavailable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MERGES = 49_152 - 256 - 2
"""Lines of the file that count, after its first; it has more."""
WORD_END = "</w>"
STOPS = ".!?"
_WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+")


class ClipTokens:
    """Maps texts to numbers."""

    def __init__(self, joins: list[tuple[str, str]]) -> None:
        """Builds the vocabulary: all bytes, all bytes that end a word, what pairs join to, and two marks."""
        from tokenizers import Tokenizer, models, pre_tokenizers

        letters = _letters()
        symbols = [*letters, *(letter + WORD_END for letter in letters), *("".join(pair) for pair in joins)]
        numbers = {symbol: number for number, symbol in enumerate(symbols)}
        self.start, self.end = len(symbols), len(symbols) + 1
        """Numbers of the marks before and after a text; the last is the highest of all."""
        self.closing = frozenset(n for symbol, n in numbers.items() if symbol.endswith(WORD_END))
        """Tokens that end a word."""
        self.stops = frozenset(n for n in self.closing if set(symbols[n].removesuffix(WORD_END)) <= set(STOPS))
        """Tokens that end a sentence."""
        self._tokenizer: Tokenizer = Tokenizer(models.BPE(numbers, joins, end_of_word_suffix=WORD_END))
        self._tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)

    def encode(self, text: str) -> list[int]:
        """Returns the tokens of a text, without marks."""
        import ftfy

        text = html.unescape(html.unescape(ftfy.fix_text(text)))
        words = _WORDS.findall(regex.sub(r"\s+", " ", text).strip().lower())
        return list(self._tokenizer.encode(words, is_pretokenized=True).ids)


def _letters() -> list[str]:
    """Returns a printable character for each byte, those that have one of their own first."""
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in own] + [chr(256 + n) for n in range(256 - len(own))]


def load(path: Path) -> ClipTokens:
    """Reads the vocabulary. Raises Unavailable when the file is not one."""
    try:
        lines = gzip.decompress(path.read_bytes()).decode().split("\n")[1 : MERGES + 1]
        pairs = [tuple(line.split()) for line in lines if line]
        return ClipTokens([(left, right) for left, right in pairs])
    except Exception as error:  # Of gzip, of the text, or the tokenizer's own, which has no type.
        raise Unavailable(f"weights unreadable: expected CLIP's vocabulary in {path} ({error})") from error
