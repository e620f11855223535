"""The number format of a forward pass."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch

Precision = Literal["float32", "bfloat16"]
"""Of activations; weights, latents and whatever is summed up over steps are always float32."""


def autocast(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Computes matrix products in a precision while it lasts.

    Raises:
        ValueError: no such precision.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"expected precision to be one of {', '.join(get_args(Precision))}, got {precision!r}")
    if precision == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)
