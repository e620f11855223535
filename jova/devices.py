"""Checks that there is a device, and says in one line that its memory does not suffice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from jova.extras import in_one_line


def check_device(name: str) -> None:
    """Raises ValueError unless this machine has a device: cpu, cuda or cuda:i."""
    place, gpus = torch.device(name), torch.cuda.device_count()
    if place.type == "cuda" and (place.index or 0) >= gpus:
        raise ValueError(f"expected one of {gpus} GPUs, got {place}; use --device cpu")


def is_of_memory(error: Exception) -> bool:
    """Tells whether an error says that memory does not suffice; PyTorch has no exception for that of the machine."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


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
        if not is_of_memory(error):
            raise
        raise ValueError(f"expected memory for {what}, got too little: {advice} ({in_one_line(error)})") from error
