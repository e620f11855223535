"""Draws small plots as SVG text: values with intervals over named positions, in several panels side by side.

Written by hand because a static picture of the plotting library needs a browser.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT, COLUMNS = 330, 250, 3
LEFT, RIGHT, TOP, BOTTOM = 46, 62, 34, 58
"""Margins of a panel in px."""
LETTER = 6.5
"""Approximate width of a letter in px."""
INK, FAINT, POINT, LEVEL = "#1c2430", "#d9dee6", "#2463c4", "#8a94a3"


@dataclass(frozen=True)
class Point:
    """Holds one value with its interval."""

    place: int
    """Index of a name on the horizontal axis."""
    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Panel:
    """Holds the points of one quantity."""

    title: str
    points: tuple[Point, ...]
    levels: Mapping[str, float] = field(default_factory=dict)
    """Values of dashed reference lines, by name."""


def curves(names: Sequence[str], panels: Sequence[Panel], axis: str = "", joined: int = 0) -> str:
    """Draws the panels.

    Args:
        names: of the places, from left to right.
        panels: at least one.
        axis: what the places are values of.
        joined: a line goes through the means of the first so many places.

    Returns:
        An SVG document on white.
    """
    columns = min(COLUMNS, len(panels))
    width, height = columns * WIDTH, math.ceil(len(panels) / columns) * HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="{INK}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for index, panel in enumerate(panels):
        x, y = index % columns * WIDTH, index // columns * HEIGHT
        parts += [f'<g transform="translate({x} {y})">', *_panel(names, panel, joined), _axis(axis), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(names: Sequence[str], panel: Panel, joined: int) -> Iterator[str]:
    ends = [end for point in panel.points for end in (point.interval or (point.value,))]
    ticks = nice_ticks(min([*ends, *panel.levels.values()]), max([*ends, *panel.levels.values()]))
    low, high = ticks[0], ticks[-1]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    step = (right - LEFT) / len(names)

    def across(place: float) -> float:
        return LEFT + (place + 0.5) * step

    def up(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - TOP)

    yield f'<text x="{LEFT}" y="18" font-size="13" font-weight="600">{escape(panel.title)}</text>'
    for tick in ticks:
        yield f'<line x1="{LEFT}" x2="{right}" y1="{up(tick):.1f}" y2="{up(tick):.1f}" stroke="{FAINT}"/>'
        yield f'<text x="{LEFT - 6}" y="{up(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
    for place, name in enumerate(names):
        at = f'x="{across(place):.1f}" y="{bottom + 14}"'
        turned = f'text-anchor="end" transform="rotate(-30 {across(place):.1f} {bottom + 14})"'
        anchor = turned if max(map(len, names)) * LETTER > step else 'text-anchor="middle"'
        yield f"<text {at} {anchor}>{escape(name)}</text>"
    yield from _levels(panel.levels, up, right)
    means = [
        sum(values) / len(values)
        for place in range(joined)
        if (values := [point.value for point in panel.points if point.place == place])
    ]
    if len(means) == joined > 1:
        line = " ".join(f"{across(place):.1f},{up(mean):.1f}" for place, mean in enumerate(means))
        yield f'<polyline points="{line}" fill="none" stroke="{POINT}" stroke-opacity="0.4" stroke-width="2"/>'
    for place in range(len(names)):
        here = [point for point in panel.points if point.place == place]
        for index, point in enumerate(here):
            x = across(place) + (index - (len(here) - 1) / 2) * min(9.0, step / (len(here) + 1))
            if point.interval:
                y1, y2 = (up(end) for end in point.interval)
                yield f'<path d="M {x:.1f} {y1:.1f} V {y2:.1f}" stroke="{POINT}" stroke-width="1.5"/>'
            yield f'<circle cx="{x:.1f}" cy="{up(point.value):.1f}" r="3.5" fill="{POINT}"/>'


def _axis(name: str) -> str:
    at = f'x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}"'
    return f'<text {at} text-anchor="middle" fill="{LEVEL}">{escape(name)}</text>'


def _levels(levels: Mapping[str, float], up: Callable[[float], float], right: float) -> Iterator[str]:
    """Draws dashed lines, whose names keep a distance of ten pixels."""
    last = math.inf
    for name, value in sorted(levels.items(), key=lambda item: item[1]):
        y = up(value)
        last = min(y, last - 11)
        yield f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{LEVEL}" stroke-dasharray="4 3"/>'
        yield f'<text x="{right + 5}" y="{last + 4:.1f}" fill="{LEVEL}">{escape(name)}</text>'


def nice_ticks(low: float, high: float) -> list[float]:
    """Returns three to seven round numbers that span a range."""
    if low == high:
        low, high = low - 0.5, high + 0.5
    size = 10 ** math.floor(math.log10((high - low) / 3))
    step = next(factor * size for factor in (1, 2, 5, 10) if (high - low) / (factor * size) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]
