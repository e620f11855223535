"""Words to tokens: the three parts of a prompt as one sequence of word indices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

PAD, NULL, FIRST_WORD = 0, 1, 2
"""Index of padding, of the token that stands for "no text" (classifier-free guidance), of the first word."""

PARTS = ("video caption", "audio caption", "transcript")

ARTICLES = frozenset(("a", "an", "and", "has", "in", "is", "of", "on", "the", "who", "with"))
NOUNS = frozenset(("hair", "skin", "shirt", "background", "voice", "pitch", "pace"))
STOP_WORDS = ARTICLES | NOUNS
"""Dropped from captions, where they say nothing: captions name their attributes in a fixed order, so a colour's
place tells what has it, and every word costs two tokens. A transcript is spoken as it stands."""


class Prompt(NamedTuple):
    """What the model is asked for."""

    video_caption: str
    audio_caption: str
    transcript: str


class TextTokens(NamedTuple):
    """B prompts, padded to L tokens."""

    ids: Tensor
    """(B, L) int64: PAD, NULL, or FIRST_WORD + index in the vocabulary."""
    parts: Tensor
    """(B, L) int64: index into PARTS."""
    positions: Tensor
    """(B, L) int64: place of the word in its part."""
    shares: Tensor
    """(B, L) float32: the middle of a word of the transcript among the letters of the transcript, in (0, 1); 0 for
    words that are not spoken."""
    spans: Tensor
    """(B, 2) float32: first and last second of the speech; zeros where nobody said when."""

    @property
    def mask(self) -> Tensor:
        """(B, L) bool: True for a word, False for padding."""
        return self.ids != PAD

    @property
    def times_s(self) -> Tensor:
        """(B, L): about when each word of the transcript is said, as if all letters took the same time; else 0."""
        start, end = self.spans[:, :1], self.spans[:, 1:]  # (B, 1)
        return (start + self.shares * (end - start)) * (self.shares > 0)

    def said(self, spans: Tensor) -> TextTokens:
        """The same prompts, said from spans[:, 0] to spans[:, 1] seconds."""
        return self._replace(spans=spans)

    def select(self, rows: Tensor) -> TextTokens:
        """The prompts at `rows` (b,), with the columns that are padding in all of them cut off."""
        length = int((self.ids[rows] != PAD).any(0).sum())
        fields = (field[rows, :length] for field in self[:-1])
        return TextTokens._make([*fields, self.spans[rows]])

    def without(self, rows: Tensor) -> TextTokens:
        """The same batch with the text of `rows` (B,) bool replaced by the null token."""
        first = torch.arange(self.ids.shape[1], device=self.ids.device) == 0  # (L,)
        keep = ~rows[:, None]  # (B, 1)
        return TextTokens(self.ids.where(keep, first * NULL), *(field * keep for field in self[1:]))

    def then(self, other: TextTokens) -> TextTokens:
        """Two batches of the same length, one after the other: (2B, L)."""
        return TextTokens(*(torch.cat(pair) for pair in zip(self, other, strict=True)))

    def to(self, device: torch.device | str) -> TextTokens:
        """The same tokens on another device."""
        return TextTokens(*(tensor.to(device) for tensor in self))


class WordTokenizer:
    """A closed vocabulary: a word it does not know is an error, never a guess."""

    def __init__(self, words: Sequence[str], words_per_part: int) -> None:
        if len(set(words)) != len(words):
            raise ValueError(f"expected every word once, got {len(words) - len(set(words))} repeated")
        self.words = tuple(words)
        self.words_per_part = words_per_part
        self._ids = {word: FIRST_WORD + index for index, word in enumerate(words)}

    @property
    def size(self) -> int:
        """Rows of the embedding table."""
        return FIRST_WORD + len(self.words)

    def __call__(self, prompts: Sequence[Prompt]) -> TextTokens:
        """Tokens of B prompts, padded to the longest; a prompt without a word becomes the null token."""
        rows = [self._row(prompt) or [(NULL, 0, 0, 0.0)] for prompt in prompts]
        length = max(map(len, rows))
        fields = zip(*(zip(*row + [(PAD, 0, 0, 0.0)] * (length - len(row)), strict=True) for row in rows), strict=True)
        return TextTokens._make([*map(torch.tensor, fields), torch.zeros(len(rows), 2)])

    def _row(self, prompt: Prompt) -> list[tuple[int, int, int, float]]:
        """(id, part, position, share) of each word of a prompt."""
        row = []
        for part, text in enumerate(prompt):
            words = re.findall(r"[a-z0-9']+", text.lower())
            if PARTS[part] != "transcript":
                words = [word for word in words if word not in STOP_WORDS]
            if len(words) > self.words_per_part:
                raise ValueError(f"expected at most {self.words_per_part} words in a {PARTS[part]}, got {len(words)}")
            shares = letter_shares(words) if PARTS[part] == "transcript" else [0.0] * len(words)
            row += [
                (self._id(word, PARTS[part]), part, position, share)
                for position, (word, share) in enumerate(zip(words, shares, strict=True))
            ]
        return row

    def _id(self, word: str, part: str) -> int:
        if word not in self._ids:
            known = " ".join(sorted(self.words))
            raise ValueError(f"expected words the model was trained on, got {word!r} in the {part}; it knows: {known}")
        return self._ids[word]


def letter_shares(words: Sequence[str]) -> list[float]:
    """Where the middle of each word lies among all letters, in (0, 1)."""
    ends = list(accumulate(map(len, words)))
    return [(end - len(word) / 2) / ends[-1] for word, end in zip(words, ends, strict=True)]
