"""Measures the memory that a model takes."""

from __future__ import annotations

import resource
import sys


def peak_memory_bytes(device: str) -> int:
    """Returns the peak memory so far: of the GPU, or of this process on a CPU."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes on macOS, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
