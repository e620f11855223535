"""Reasons for missing values as a tensor, so that they sync between processes like every other state of a metric."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def encoded(reasons: Mapping[str, int]) -> Tensor:
    """Encodes how many clips have which reason: (bytes,) float64, one line of JSON in ASCII.

    Not uint8: torchmetrics gathers a state that is still empty as a tensor of the metric's dtype.
    """
    return torch.tensor(list(f"{json.dumps(dict(reasons))}\n".encode("ascii")), dtype=torch.float64)


def counted(state: Sequence[Tensor] | Tensor) -> Counter[str]:
    """Decodes and adds up what `encoded` made, from a state before a sync (a list) or after it (a tensor)."""
    parts = [state] if isinstance(state, Tensor) else state
    lines = b"".join(bytes(part.to(torch.uint8).tolist()) for part in parts).splitlines()
    return sum((Counter(json.loads(line)) for line in lines), Counter())


def listed(reasons: Counter[str]) -> str | None:
    """Lists reasons with their counts, most frequent first, `silent (2), too loud (1)`; None without any."""
    return ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common()) or None
