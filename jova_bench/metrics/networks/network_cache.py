"""Keeps networks in memory: as many as fit together; the least recently used are released first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Net = TypeVar("Net")

ROOM_BYTES = 1_000_000_000
"""Bytes of networks that stay together until `make_room` says otherwise: the small ones that a metric uses at once."""

_networks: dict[str, Any] = {}
"""Networks by key; the one that was used last comes last."""
_sizes: dict[str, int] = {}
"""Bytes of every network that was ever built in this process."""
_room = ROOM_BYTES


def release_networks() -> None:
    """Releases all networks that are in memory."""
    _networks.clear()


def make_room(count: int) -> None:
    """Releases all networks and sets how many bytes the next ones may take together; one alone may take more."""
    global _room
    release_networks()
    _room = count


def cached_network(key: str, build: Callable[[], Net]) -> Net:
    """Returns the network of a key; builds it if it is not in memory.

    Checkpoints of the papers take gigabytes, so metrics that share a process must not keep theirs. LSE uses two small
    networks for each clip, and scoring asks for all that have room together clip by clip: these stay.

    Args:
        key: name, weights digest and device.
        build: makes the network; what it raises passes through.
    """
    if key in _networks:
        _networks[key] = _networks.pop(key)
    else:
        # Room is made before building where the size is known. Otherwise it is not, and what there is leaves after.
        _release_oldest(_room - _sizes.get(key, 0))
        _networks[key] = build()
        _sizes[key] = size_of(_networks[key])
        _release_oldest(_room, keep=key)
    net: Net = _networks[key]
    return net


def _release_oldest(room: int, keep: str | None = None) -> None:
    """Releases networks, the one used longest ago first, until the rest take at most `room` bytes."""
    for key in tuple(_networks):
        if key != keep and sum(_sizes[one] for one in _networks) > room:
            del _networks[key]


def size_of(net: object, depth: int = 4) -> int:
    """Returns the bytes of the tensors in a network, or in objects and collections that hold some; each counts once."""
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
