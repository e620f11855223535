"""Words to tokens: the three parts of a prompt as one sequence of word indices."""

from __future__ import annotations

import re
from collections.abc import Sequence
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

    @property
    def mask(self) -> Tensor:
        """(B, L) bool: True for a word, False for padding."""
        return self.ids != PAD

    def select(self, rows: Tensor) -> TextTokens:
        """The prompts at `rows` (b,), with the columns that are padding in all of them cut off."""
        ids = self.ids[rows]
        length = int((ids != PAD).any(0).sum())
        return TextTokens(ids[:, :length], self.parts[rows, :length], self.positions[rows, :length])

    def without(self, rows: Tensor) -> TextTokens:
        """The same batch with the text of `rows` (B,) bool replaced by the null token."""
        first = torch.arange(self.ids.shape[1], device=self.ids.device) == 0  # (L,)
        keep = ~rows[:, None]  # (B, 1)
        return TextTokens(self.ids.where(keep, first * NULL), self.parts * keep, self.positions * keep)

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
        rows = [self._row(prompt) or [(NULL, 0, 0)] for prompt in prompts]
        length = max(map(len, rows))
        padded = torch.tensor([row + [(PAD, 0, 0)] * (length - len(row)) for row in rows])  # (B, L, 3)
        return TextTokens(*padded.unbind(-1))

    def _row(self, prompt: Prompt) -> list[tuple[int, int, int]]:
        """(id, part, position) of each word of a prompt."""
        row = []
        for part, text in enumerate(prompt):
            words = re.findall(r"[a-z0-9']+", text.lower())
            if PARTS[part] != "transcript":
                words = [word for word in words if word not in STOP_WORDS]
            if len(words) > self.words_per_part:
                raise ValueError(f"expected at most {self.words_per_part} words in a {PARTS[part]}, got {len(words)}")
            row += [(self._id(word, PARTS[part]), part, position) for position, word in enumerate(words)]
        return row

    def _id(self, word: str, part: str) -> int:
        if word not in self._ids:
            known = " ".join(sorted(self.words))
            raise ValueError(f"expected words the model was trained on, got {word!r} in the {part}; it knows: {known}")
        return self._ids[word]
