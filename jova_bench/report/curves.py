"""Draws the JSON values of a sweep as SVG text: a panel per metric, a point with its interval per training.

Written by hand because a static picture of the plotting library needs a browser.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from statistics import mean
from typing import Any

from jova_bench.formatting.text import setting_text
from jova_bench.identity import Identity
from jova_bench.metrics.labels import ARROWS, labelled
from jova_bench.report.arms import Arms, placed

WIDTH, PLOT, COLUMNS = 350, 160, 3
"""Width of a panel and height of its plot in px."""
LEFT, RIGHT, TOP, MARGIN = 46, 62, 36, 20
"""Margins of a panel in px; the last is the numbers' to the ends of their axis."""
LETTER, LINE = 6.5, 14
"""Approximate width of a letter and height of a line in px."""
INK, FAINT, LEVEL = "#1c2430", "#d9dee6", "#76808f"
COLOURS = ("#2463c4", "#d1580b", "#0b8465", "#a8408f", "#8a6d00", "#56707f")
"""Colours of the lines; arms apart from lines are of INK."""
NOTHING = "No metric has a value of any arm: there is nothing to draw."
ABOUT = "A point for each set of weights, with its 95 % interval over prompts; lines join means; dashed: controls."


@dataclass(frozen=True)
class _Across:
    """Holds the horizontal places of arms in a panel, and what stands below them."""

    place: Mapping[str, float]
    """Middle of each arm, px."""
    room: Mapping[str, float]
    """Distance of each arm from the next, px."""
    marks: tuple[str, ...]
    """SVG of names and of the axis, from the plot's lower end down."""
    height: float
    """Height of the marks, px."""


def curves(record: Mapping[str, Any], says: str = ABOUT) -> str:
    """Draws a sweep.

    Args:
        record: JSON values of a sweep.
        says: what stands below the panels; a picture without any says why instead.

    Returns:
        An SVG document on white.
    """
    arms = placed(record)
    across = _across(arms)
    directions = {one["identity"]: one["direction"] for one in record["metrics"]}
    there = [row for row in record["values"] if row["value"] is not None]
    panels = []
    for label in labelled(Identity.parse(identity) for identity in directions):
        rows = [row for row in there if row["identity"] == label.identity]
        if not all(row["control"] for row in rows):
            panels.append("\n".join(_panel(f"{label.text} {ARROWS[directions[label.identity]]}", rows, arms, across)))
    columns = min(COLUMNS, max(1, len(panels)))
    width, tall = columns * WIDTH, TOP + PLOT + across.height
    names = list(_legend(list(arms.lines), width)) if panels and len(arms.lines) > 1 else []
    above = LINE * 2 * (1 + max((row for row, _ in names), default=-1))
    below = above + math.ceil(len(panels) / columns) * tall
    about = textwrap.wrap(says if panels else NOTHING, int((width - LEFT) / LETTER))
    height = below + LINE * (len(about) + 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" width="{width}" height="{height:g}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="{INK}">',
        f'<rect width="{width}" height="{height:g}" fill="#ffffff"/>',
        *(text for _, text in names),
    ]
    for index, panel in enumerate(panels):
        x, y = index % columns * WIDTH, above + index // columns * tall
        parts.append(f'<g transform="translate({x} {y:g})">\n{panel}\n</g>')
    parts += [_text(LEFT, below + LINE * (row + 0.5), line, "start", LEVEL) for row, line in enumerate(about)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _across(arms: Arms) -> _Across:
    """Places numbers in true distances, of logarithms where they are geometric, then the arms apart in equal ones."""
    names = [re.sub("(=|, )", r"\1\n", label).split("\n") for label in arms.apart.values()]
    widest = LETTER * max((len(line) for lines in names for line in lines), default=0)
    plot, count = WIDTH - RIGHT - LEFT, len(names)
    slot = min(widest + LETTER, plot / 2 / count) if arms.lines and count else plot / max(1, count)
    start = WIDTH - RIGHT - count * slot if arms.lines else LEFT
    place, room, marks, height = {}, {}, [], 0.0
    if arms.lines:
        ends = min(arms.places.values()), max(arms.places.values())
        scale = (start - LEFT - 2 * MARGIN) / (ends[1] - ends[0])
        place = {arm: LEFT + MARGIN + (at - ends[0]) * scale for arm, at in arms.places.items()}
        ticks = sorted({(place[arm], setting_text(value)) for arm, value in arms.values.items()})
        room = dict.fromkeys(place, min(2 * MARGIN, *(right - left for (left, _), (right, _) in pairwise(ticks))))
        last = -math.inf
        for x, name in ticks:
            marks.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="4" stroke="{LEVEL}"/>')
            if x - len(name) * LETTER / 2 > last:
                marks.append(_text(x, 15, name))
                last = x + (len(name) / 2 + 0.5) * LETTER
        height = 2 * LINE + 6
        marks.append(_text((LEFT + start) / 2, height - 2, arms.axis, fill=LEVEL))
        if names:
            marks.append(f'<line x1="{start:.1f}" x2="{start:.1f}" y1="0" y2="{-PLOT}" stroke="{FAINT}"/>')
    upright = widest > slot
    for index, (arm, lines) in enumerate(zip(arms.apart, names, strict=True)):
        x = place[arm] = start + (index + 0.5) * slot
        room[arm] = slot
        if upright:
            marks.append(_text(x + 4, 8, arms.apart[arm], "end", turn=f' transform="rotate(-90 {x + 4:.1f} 8)"'))
        else:
            marks += [_text(x, 15 + row * LINE, line) for row, line in enumerate(lines)]
    if names:
        tall = 8 + LETTER * max(map(len, arms.apart.values())) if upright else 6 + LINE * max(map(len, names))
        height = max(height, tall)
        if not arms.lines and arms.title:
            height += LINE
            marks.append(_text((LEFT + WIDTH - RIGHT) / 2, height, arms.title, fill=LEVEL))
    return _Across(place, room, tuple(marks), height + LINE)


def _panel(title: str, rows: Sequence[Mapping[str, Any]], arms: Arms, across: _Across) -> Iterator[str]:
    levels = {row["arm"]: row["value"] for row in rows if row["control"]}
    rows = [row for row in rows if not row["control"]]
    ends = [end for row in rows for end in (row["interval"] or [row["value"]])] + list(levels.values())
    ticks = nice_ticks(min(ends), max(ends))
    bottom, right = TOP + PLOT, WIDTH - RIGHT

    def up(value: float) -> float:
        return bottom - (value - ticks[0]) / (ticks[-1] - ticks[0]) * PLOT

    yield f'<text x="{LEFT}" y="18" font-size="13" font-weight="600">{escape(title)}</text>'
    for tick in ticks:
        yield f'<line x1="{LEFT}" x2="{right}" y1="{up(tick):.1f}" y2="{up(tick):.1f}" stroke="{FAINT}"/>'
        yield _text(LEFT - 6, up(tick) + 4, f"{tick:g}", "end")
    yield f'<g transform="translate(0 {bottom})">{"".join(across.marks)}</g>'
    yield from _levels(levels, up, right)
    values = {arm: [row["value"] for row in rows if row["arm"] == arm] for arm in across.place}
    colours: dict[str, str] = {}
    for index, line in enumerate(arms.lines.values()):
        colour = COLOURS[index % len(COLOURS)]
        colours |= dict.fromkeys(line, colour)
        # An arm without a value breaks the line.
        for one, other in pairwise(line):
            if values[one] and values[other]:
                (x1, y1), (x2, y2) = ((across.place[arm], up(mean(values[arm]))) for arm in (one, other))
                yield (
                    f'<path d="M {x1:.1f} {y1:.1f} L {x2:.1f} {y2:.1f}" stroke="{colour}" stroke-opacity="0.45" '
                    'stroke-width="2"/>'
                )
    for place in dict.fromkeys(across.place.values()):
        here = [row for arm in across.place for row in rows if row["arm"] == arm and across.place[arm] == place]
        for index, row in enumerate(here):
            # Points of one place stand side by side.
            x = place + (index - (len(here) - 1) / 2) * min(8.0, across.room[row["arm"]] / (len(here) + 1))
            colour = colours.get(row["arm"], INK if arms.lines else COLOURS[0])
            if row["interval"]:
                y1, y2 = (up(end) for end in row["interval"])
                yield f'<path d="M {x:.1f} {y1:.1f} V {y2:.1f}" stroke="{colour}" stroke-width="1.5"/>'
            yield f'<circle cx="{x:.1f}" cy="{up(row["value"]):.1f}" r="3" fill="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", fill: str = INK, turn: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}"{turn}>{escape(text)}</text>'


def _legend(names: Sequence[str], width: float) -> Iterator[tuple[int, str]]:
    """Yields the row and the SVG of each line's name."""
    x, row = float(LEFT), 0
    for index, name in enumerate(names):
        wide = 24 + (len(name) + 2) * LETTER
        if x > LEFT and x + wide > width:
            x, row = float(LEFT), row + 1
        y, colour = 18 + row * 2 * LINE, COLOURS[index % len(COLOURS)]
        mark = f'<path d="M {x:.1f} {y - 4} h 18" stroke="{colour}" stroke-opacity="0.45" stroke-width="2"/>'
        mark += f'<circle cx="{x + 9:.1f}" cy="{y - 4}" r="3" fill="{colour}"/>'
        yield row, mark + _text(x + 24, y, name, "start")
        x += wide


def _levels(levels: Mapping[str, float], up: Callable[[float], float], right: float) -> Iterator[str]:
    """Draws dashed lines, whose names keep a distance, the upper ones at their lines."""
    last = -math.inf
    for name, value in sorted(levels.items(), key=lambda item: -item[1]):
        y = up(value)
        last = max(y, last + 11)
        yield f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{LEVEL}" stroke-dasharray="4 3"/>'
        yield _text(right + 5, last + 4, name, "start", LEVEL)


def nice_ticks(low: float, high: float) -> list[float]:
    """Returns three to seven round numbers that span a range."""
    if low == high:
        low, high = low - 0.5, high + 0.5
    size = 10 ** math.floor(math.log10((high - low) / 3))
    step = next(factor * size for factor in (1, 2, 5, 10) if (high - low) / (factor * size) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]
