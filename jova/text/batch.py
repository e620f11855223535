"""What the network, its loss and its samplers ask of the text of a batch, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

import torch
from torch import Tensor


class TextBatch(Protocol):
    """Text of B clips, padded to L tokens: words (`TextTokens`), or states of pretrained encoders (`TextStates`)."""

    @property
    def mask(self) -> Tensor:
        """(B, L) bool: True for a token, False for padding."""
        ...

    @property
    def times_s(self) -> Tensor:
        """(B, L) seconds: centre of what a token says; 0 where it is not spoken, or not known when."""
        ...

    @property
    def spans(self) -> Tensor:
        """(B, 2) start and end of the speech in seconds; zeros where unknown."""
        ...

    def without_times(self, rows: Tensor) -> Self:
        """Returns the batch with unknown times in `rows` (B,) bool."""
        ...

    def drop_text(self, rows: Tensor) -> Self:
        """Returns the batch with no text in `rows` (B,) bool, as classifier-free guidance has it."""
        ...

    def select(self, rows: Tensor) -> Self:
        """Returns the clips at `rows` (b,), without the columns that are padding in all of them."""
        ...

    def concat(self, other: Self) -> Self:
        """Concatenates two batches along the batch axis."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """Moves the batch to a device."""
        ...

    def tensors(self) -> Iterable[Tensor]:
        """Returns everything that the batch holds, always in one order."""
        ...
