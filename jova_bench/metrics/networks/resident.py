"""Networks in memory: as many as have room together, those that were asked for longest ago leave first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Net = TypeVar("Net")

ROOM_BYTES = 1_000_000_000
"""For networks, until `make_room` says otherwise: the small ones that a metric uses together stay together."""

_resident: dict[str, Any] = {}
"""The one asked for last comes last."""
_sizes: dict[str, int] = {}
"""Bytes of every network that was ever built here."""
_room = ROOM_BYTES


def make_room(count: int) -> None:
    """Lets go of all networks, and sets how many bytes the next ones may take together; one alone may take more."""
    global _room
    _resident.clear()
    _room = count


def resident(key: str, build: Callable[[], Net]) -> Net:
    """The network of this key, built unless it is still in memory.

    Checkpoints of the papers take gigabytes, so metrics that share a process must not keep theirs. LSE uses two small
    networks for each clip, and scoring asks for all that have room together clip by clip: these stay.

    Args:
        key: name, weights digest and device.
        build: makes the network; what it raises passes through.
    """
    if key in _resident:
        _resident[key] = _resident.pop(key)
    else:
        # Room is made before building where the size is known. Otherwise it is not, and what there is leaves after.
        _leave(_room - _sizes.get(key, 0))
        _resident[key] = build()
        _sizes[key] = size_of(_resident[key])
        _leave(_room, keep=key)
    net: Net = _resident[key]
    return net


def _leave(room: int, keep: str | None = None) -> None:
    """Lets go of networks until the rest take no more than this."""
    for key in tuple(_resident):
        if key != keep and sum(_sizes[one] for one in _resident) > room:
            del _resident[key]


def size_of(net: object, depth: int = 4) -> int:
    """Bytes of the tensors in a network, in objects or collections that hold some, each tensor once."""
    return sum({id(tensor): tensor.nbytes for tensor in _tensors(net, depth)}.values())


def _tensors(thing: Any, depth: int) -> Iterable[Any]:
    if hasattr(thing, "parameters") and hasattr(thing, "buffers"):
        yield from thing.parameters()
        yield from thing.buffers()
    elif hasattr(thing, "nbytes"):
        yield thing
    elif depth:
        inside = thing if isinstance(thing, tuple | list) else getattr(thing, "__dict__", {})
        for one in inside.values() if hasattr(inside, "values") else inside:
            yield from _tensors(one, depth - 1)
