"""Text of an open vocabulary: hidden states of one or several pretrained encoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


class Hidden(NamedTuple):
    """Hidden states of one encoder for B prompts, padded to L tokens."""

    states: Tensor
    """(B, L, C); zeros in padding."""
    mask: Tensor
    """(B, L) bool: True for a token, False for padding."""
    null: Tensor
    """(n, C) states of the empty prompt."""

    @classmethod
    def of(cls, rows: Sequence[Tensor], null: Tensor) -> Hidden:
        """Pads B prompts of states (n, C) to the longest."""
        lengths = torch.tensor([len(row) for row in rows], device=null.device)
        states = pad_sequence(list(rows), batch_first=True)  # (B, L, C)
        return cls(states, _first(lengths, states.shape[1]), null)

    def select(self, rows: Tensor) -> Hidden:
        """Returns the prompts at `rows` (b,), without the columns that are padding in all of them."""
        length = int(self.mask[rows].any(0).sum())
        return Hidden(self.states[rows, :length], self.mask[rows, :length], self.null)

    def drop(self, rows: Tensor) -> Hidden:
        """Returns the prompts with the empty one in `rows` (B,) bool."""
        mine = self.padded(len(self.null))
        length = mine.mask.shape[1]
        null = F.pad(self.null, (0, 0, 0, length - len(self.null)))  # (L, C)
        null_mask = _first(torch.tensor([len(self.null)], device=self.mask.device), length)  # (1, L)
        keep = ~rows[:, None]  # (B, 1)
        return Hidden(mine.states.where(keep[..., None], null), mine.mask.where(keep, null_mask), self.null)

    def padded(self, length: int) -> Hidden:
        """Returns the prompts with padding to at least `length` columns."""
        more = max(0, length - self.mask.shape[1])
        return Hidden(F.pad(self.states, (0, 0, 0, more)), F.pad(self.mask, (0, more)), self.null)

    def concat(self, other: Hidden) -> Hidden:
        """Concatenates two batches of one encoder along the batch axis."""
        length = max(self.mask.shape[1], other.mask.shape[1])
        (states, mask, _), (states_after, mask_after, _) = self.padded(length), other.padded(length)
        return Hidden(torch.cat([states, states_after]), torch.cat([mask, mask_after]), self.null)


class TextStates(NamedTuple):
    """B prompts as the states of one or several encoders; implements `jova.text.batch.TextBatch`.

    L is the sum of the encoders' lengths: the model reads the tokens of one encoder after those of another.
    """

    encoders: tuple[Hidden, ...]
    """States by encoder."""
    spans: Tensor
    """(B, 2) float32: start and end of the speech in seconds; zeros where unknown. No token has a time of its own."""

    @classmethod
    def of(cls, prompts: Sequence[Sequence[Tensor]], null: Sequence[Tensor]) -> TextStates:
        """Pads B prompts to a batch in which nothing is known of when words are spoken.

        Args:
            prompts: states of each prompt, (n, C) by encoder.
            null: states of the empty prompt, (n, C) by encoder.
        """
        encoders = (Hidden.of(rows, empty) for rows, empty in zip(zip(*prompts, strict=True), null, strict=True))
        return cls(tuple(encoders), torch.zeros(len(prompts), 2, device=null[0].device))

    @property
    def mask(self) -> Tensor:
        """(B, L) bool: True for a token, False for padding."""
        return torch.cat([hidden.mask for hidden in self.encoders], dim=1)

    @property
    def times_s(self) -> Tensor:
        """(B, L) zeros."""
        return torch.zeros(self.mask.shape, device=self.spans.device)

    def with_spans(self, spans: Tensor) -> Self:
        """Returns the prompts with speech from spans[:, 0] to spans[:, 1] seconds; `spans` is (B, 2)."""
        return self._replace(spans=spans)

    def without_times(self, rows: Tensor) -> Self:
        """Returns the batch itself: no token has a time."""
        return self

    def drop_text(self, rows: Tensor) -> Self:
        """Returns the batch with the empty prompt in `rows` (B,) bool."""
        return self._each(lambda hidden: hidden.drop(rows))

    def select(self, rows: Tensor) -> Self:
        """Returns the prompts at `rows` (b,), without the columns that are padding in all of them."""
        return self._each(lambda hidden: hidden.select(rows)).with_spans(self.spans[rows])

    def concat(self, other: Self) -> Self:
        """Concatenates two batches of the same encoders along the batch axis; the shorter one is padded."""
        pairs = zip(self.encoders, other.encoders, strict=True)
        encoders = tuple(mine.concat(theirs) for mine, theirs in pairs)
        return self._replace(encoders=encoders, spans=torch.cat([self.spans, other.spans]))

    def to(self, device: torch.device | str) -> Self:
        """Moves the batch to a device."""
        moved = self._each(lambda hidden: Hidden(*(tensor.to(device) for tensor in hidden)))
        return moved.with_spans(self.spans.to(device))

    def tensors(self) -> list[Tensor]:
        """Returns everything that the batch holds."""
        return [tensor for hidden in self.encoders for tensor in hidden] + [self.spans]

    def _each(self, change: Callable[[Hidden], Hidden]) -> Self:
        """Returns the batch with the states of each encoder changed."""
        return self._replace(encoders=tuple(map(change, self.encoders)))


def _first(counts: Tensor, length: int) -> Tensor:
    """Returns a mask of the first `counts` (B,) of `length` columns, (B, length) bool."""
    return torch.arange(length, device=counts.device) < counts[:, None]
