"""Says in one line that memory does not suffice: of every mistake with a large model the most common one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from jova.extras import in_one_line


@contextmanager
def enough_memory(what: str, advice: str) -> Iterator[None]:
    """Raises ValueError where the block asks for more memory, of a GPU or of the machine, than there is.

    Args:
        what: needs the memory.
        advice: to the user.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # PyTorch has no exception of its own for the machine's memory.
        if not (isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise
        raise ValueError(f"expected memory for {what}, got too little: {advice} ({in_one_line(error)})") from error
