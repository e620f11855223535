"""Numerical precision of a forward pass."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import get_args

import torch

from jova.config import Precision


def autocast(precision: Precision, device: str) -> AbstractContextManager[object]:
    """Returns a context in which matrix products are computed in a precision.

    Raises:
        ValueError: there is no such precision.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"expected precision to be one of {', '.join(get_args(Precision))}, got {precision!r}")
    if precision == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)
