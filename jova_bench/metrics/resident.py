"""One network in memory at a time: the next one to be asked for takes the place of the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Net = TypeVar("Net")

_resident: dict[str, Any] = {}


def resident(key: str, build: Callable[[], Net]) -> Net:
    """The network of this key, built unless it is the last one that was asked for.

    Checkpoints of the papers take gigabytes, so metrics that share a process must not keep theirs. Scoring asks for
    all clips of one network before those of the next.

    Args:
        key: name, weights digest and device.
        build: makes the network; what it raises passes through.
    """
    if key not in _resident:
        _resident.clear()  # Before building, so that two are never there at once.
        _resident[key] = build()
    net: Net = _resident[key]
    return net
