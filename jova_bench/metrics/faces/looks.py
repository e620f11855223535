"""Chooses the frames of a shot that are searched for faces: a few, and more where a face seems to have jumped."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import ceil

import numpy as np

from jova_bench.metrics.faces.follow import SAME
from jova_bench.metrics.faces.track import Boxes, overlaps


def looks_at(shot: range, every: int) -> list[int]:
    """Returns the frames that are searched at first: first, last, and evenly between them no more than k apart."""
    steps = ceil((len(shot) - 1) / every)
    return [round(frame) for frame in np.linspace(shot[0], shot[-1], steps + 1)]


def look(shot: range, every: int, see: Callable[[list[int]], list[Boxes]]) -> dict[int, Boxes]:
    """Searches a shot for faces, in as few frames as possible.

    A fast head leaves its own box between two looks, and would be taken for another. So where one look has a box and
    the next has a box, neither of which is the other look's, the frame halfway is searched too, down to neighbours.

    Args:
        shot: its frames.
        every: frames between the first looks, at most.
        see: gives the (n, 4 or more) boxes of each of some frames.

    Returns:
        Frames that were searched, in order, and their boxes.
    """
    frames = looks_at(shot, every)
    found: dict[int, Boxes] = {}
    while frames:
        found |= dict(zip(frames, see(frames), strict=True))
        seen = sorted(found)
        frames = [(a + b) // 2 for a, b in pairwise(seen) if b - a > 1 and _jumped(found[a], found[b])]
    return {frame: found[frame] for frame in sorted(found)}


def _jumped(before: Boxes, after: Boxes) -> bool:
    """Returns whether both looks have a box that the other lacks."""
    shared = overlaps(before, after) >= SAME
    return bool(not shared.any(axis=1).all() and not shared.any(axis=0).all())
