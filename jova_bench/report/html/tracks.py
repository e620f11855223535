"""Draws curves as SVG paths in a box of WIDTH by HEIGHT, so that pages need no script."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 1000, 100
"""Size of the view box, which a page stretches."""


def sound_path(outline: Sequence[tuple[float, float]], share: float) -> str:
    """Returns the filled outline of audio: along the highest samples, back along the lowest.

    Args:
        outline: lowest and highest sample of equal parts, full scale at -1 and 1.
        share: share of the width that the clip takes up: its length over the longest one's.
    """
    if not outline:
        return ""
    step = WIDTH * share / len(outline)
    # Speech seldom comes near full scale: the loudest sample of the clip fills half of the box at least.
    loudest = max(max(abs(low), abs(high)) for low, high in outline)
    scale = HEIGHT / 2 / max(loudest, 0.5)
    above = [_at((k + 0.5) * step, HEIGHT / 2 - high * scale) for k, (_, high) in enumerate(outline)]
    below = [_at((k + 0.5) * step, HEIGHT / 2 - low * scale) for k, (low, _) in enumerate(outline)]
    return f"M{' '.join([*above, *reversed(below)])}Z"


def curve_path(values: Sequence[float], hz: float, longest_s: float, *, filled: bool) -> str:
    """Returns a curve in [0, 1] from the bottom of the box to its top.

    Args:
        values: the first at time 0.
        hz: values a second.
        longest_s: seconds that the box is wide.
        filled: whether the curve is closed along the bottom.
    """
    if not values:
        return ""
    x = [WIDTH * (k + 0.5) / hz / longest_s for k in range(len(values))]
    points = [_at(at, HEIGHT * (1 - value)) for at, value in zip(x, values, strict=True)]
    if filled:
        return f"M{' '.join([_at(x[0], HEIGHT), *points, _at(x[-1], HEIGHT)])}Z"
    return f"M{' '.join(points)}"


def _at(x: float, y: float) -> str:
    return f"{x:.1f},{y:.1f}"
