"""Tokenizer: the three segments of a prompt as one sequence of word indices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

PAD, NULL, FIRST_WORD = 0, 1, 2
"""Index of padding, of the null token (no text, for classifier-free guidance), and of the first word."""

SEGMENTS = ("video caption", "audio caption", "transcript")
"""The parts of a prompt, in the order of `Prompt`."""

ARTICLES = frozenset(("a", "an", "and", "has", "in", "is", "of", "on", "the", "who", "with"))
NOUNS = frozenset(("hair", "skin", "shirt", "background", "voice", "pitch", "pace"))
STOP_WORDS = ARTICLES | NOUNS
"""Dropped from captions, where they carry no information: captions name their attributes in a fixed order, so the
position of a colour tells what has it, and every word costs two tokens. A transcript keeps all of its words."""


class Prompt(NamedTuple):
    """A prompt in the three segments that the model reads."""

    video_caption: str
    audio_caption: str
    transcript: str


class TextTokens(NamedTuple):
    """B tokenized prompts, padded to L tokens."""

    ids: Tensor
    """(B, L) int64: PAD, NULL, or FIRST_WORD + index in the vocabulary."""
    segments: Tensor
    """(B, L) int64: index into SEGMENTS."""
    positions: Tensor
    """(B, L) int64: position of the word in its segment."""
    shares: Tensor
    """(B, L) float32 in (0, 1): centre of a word of the transcript, as a share of the letters of the transcript; 0 for
    words that are not spoken."""
    spans: Tensor
    """(B, 2) float32: start and end of the speech in seconds; zeros where unknown."""

    @property
    def mask(self) -> Tensor:
        """(B, L) bool: True for a word, False for padding."""
        return self.ids != PAD

    @property
    def times_s(self) -> Tensor:
        """(B, L) seconds: centre of each word of the transcript, if all letters lasted equally long; else 0."""
        start, end = self.spans[:, :1], self.spans[:, 1:]  # (B, 1)
        return (start + self.shares * (end - start)) * (self.shares > 0)

    def with_spans(self, spans: Tensor) -> TextTokens:
        """Returns the prompts with speech from spans[:, 0] to spans[:, 1] seconds; `spans` is (B, 2)."""
        return self._replace(spans=spans)

    def without_times(self, rows: Tensor) -> TextTokens:
        """Returns the prompts with words of unknown times in `rows` (B,) bool."""
        return self.with_spans(self.spans * ~rows[:, None])

    def with_times(self, times_s: Tensor) -> TextTokens:
        """Returns the prompts with words whose centres are at `times_s` (B, L) seconds; 0 where that is unknown."""
        # As shares of a span of one second.
        return self._replace(shares=times_s, spans=torch.ones_like(self.spans).cumsum(1) - 1)

    def select(self, rows: Tensor) -> TextTokens:
        """Returns the prompts at `rows` (b,), without the columns that are padding in all of them."""
        length = int((self.ids[rows] != PAD).any(0).sum())
        fields = (field[rows, :length] for field in self[:-1])
        return TextTokens._make([*fields, self.spans[rows]])

    def drop_text(self, rows: Tensor) -> TextTokens:
        """Returns the batch with the text of `rows` (B,) bool replaced by the null token."""
        first = torch.arange(self.ids.shape[1], device=self.ids.device) == 0  # (L,)
        keep = ~rows[:, None]  # (B, 1)
        return TextTokens(self.ids.where(keep, first * NULL), *(field * keep for field in self[1:]))

    def concat(self, other: TextTokens) -> TextTokens:
        """Concatenates two batches of the same length L along the batch axis."""
        return TextTokens(*(torch.cat(pair) for pair in zip(self, other, strict=True)))

    def to(self, device: torch.device | str) -> TextTokens:
        """Moves the tokens to a device."""
        return TextTokens(*(tensor.to(device) for tensor in self))

    def tensors(self) -> Iterable[Tensor]:
        """Returns the fields."""
        return tuple(self)


class WordTokenizer:
    """Maps words of a closed vocabulary to indices; an unknown word is an error."""

    def __init__(self, words: Sequence[str], words_per_part: int) -> None:
        if len(set(words)) != len(words):
            raise ValueError(f"expected every word once, got {len(words) - len(set(words))} repeated")
        self.words = tuple(words)
        self.words_per_part = words_per_part
        self._ids = {word: FIRST_WORD + index for index, word in enumerate(words)}

    @property
    def size(self) -> int:
        """Number of rows of the embedding table."""
        return FIRST_WORD + len(self.words)

    def __call__(self, prompts: Sequence[Prompt]) -> TextTokens:
        """Tokenizes B prompts, padded to the longest; a prompt without words becomes the null token.

        Raises:
            ValueError: a word is not in the vocabulary, or a segment is too long.
        """
        rows = [self._row(prompt) or [(NULL, 0, 0, 0.0)] for prompt in prompts]
        length = max(map(len, rows))
        fields = zip(*(zip(*row + [(PAD, 0, 0, 0.0)] * (length - len(row)), strict=True) for row in rows), strict=True)
        return TextTokens._make([*map(torch.tensor, fields), torch.zeros(len(rows), 2)])

    def _row(self, prompt: Prompt) -> list[tuple[int, int, int, float]]:
        """Returns (id, segment, position, share) of each word of a prompt."""
        row = []
        for segment, (name, text) in enumerate(zip(SEGMENTS, prompt, strict=True)):
            words = words_of(text)
            if name != "transcript":
                words = [word for word in words if word not in STOP_WORDS]
            if len(words) > self.words_per_part:
                raise ValueError(f"expected at most {self.words_per_part} words in a {name}, got {len(words)}")
            shares = letter_shares(words) if name == "transcript" else [0.0] * len(words)
            row += [
                (self._id(word, name), segment, position, share)
                for position, (word, share) in enumerate(zip(words, shares, strict=True))
            ]
        return row

    def _id(self, word: str, segment: str) -> int:
        if word not in self._ids:
            known = " ".join(sorted(self.words))
            raise ValueError(
                f"expected words the model was trained on, got {word!r} in the {segment}; it knows: {known}"
            )
        return self._ids[word]


def words_of(text: str) -> list[str]:
    """Splits a text into words: lower case, letters and digits of any script, no punctuation but the apostrophe."""
    return re.findall(r"(?:[^\W_]|')+", text.lower())


def letter_shares(words: Sequence[str]) -> list[float]:
    """Returns the centre of each word as a share of all letters, in (0, 1)."""
    ends = list(accumulate(map(len, words)))
    return [(end - len(word) / 2) / ends[-1] for word, end in zip(words, ends, strict=True)]
