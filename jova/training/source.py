"""What a training asks of its clips, wherever they are stored."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from jova.flow import Batch
from jova.text import TextBatch


class Source(Protocol):
    """Encoded clips with their prompts, numbered from 0 alike in every process."""

    @property
    def clips(self) -> int:
        """Number of clips."""
        ...

    def rows(self, step: int, batch: int, seed: int) -> Tensor:
        """Returns the clips (batch,) of a step, all of one length and size; a function of the arguments alone."""
        ...

    def split(self, size: int) -> list[Tensor]:
        """Returns all clips in batches of at most `size`, each of clips of one length and size."""
        ...

    def batch(self, rows: Tensor) -> Batch:
        """Returns the clips at `rows` (b,), in float32 on the CPU."""
        ...

    def digest(self) -> str:
        """Returns a digest of everything that a training is given."""
        ...

    @property
    def text(self) -> TextBatch | None:
        """Prompts of all clips, where they fit into memory together; else None."""
        ...
