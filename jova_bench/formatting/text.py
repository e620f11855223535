"""Formats text of tables: numbers rounded by their uncertainty, and Markdown that shows text as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

MOST = 4
"""Decimals that a number has at most; where a value would read as zero with them, it has an exponent."""


def decimals(value: float, ci: tuple[float, float] | None) -> int:
    """Returns the decimals for two digits of the interval's width, or three of the value without one.

    They are at most `MOST`, unless the value is too small for these: then they are more, which `number` takes as a
    request for an exponent.
    """
    width = ci[1] - ci[0] if ci else 0.0
    scale, digits = (width, 2) if width > 0 else (abs(value), 3)
    if scale == 0:
        return 2
    places = max(0, digits - 1 - math.floor(math.log10(scale)))
    return places if round(abs(value), MOST) == 0 else min(MOST, places)


def number(value: float, places: int) -> str:
    """Formats a value with `places` decimals, or an exponent if they are too many, and no minus sign before a zero."""
    if places > MOST and value != 0:
        return f"{value:.2e}".replace("e-0", "e-")
    text = f"{value:.{min(MOST, places)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def signed(value: float, places: int) -> str:
    """Formats a difference with its sign, unless it is zero."""
    text = number(value, places)
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def range_text(least: float, most: float) -> str:
    """Formats a range of differences: `+0.10 to +0.17`, or one where both ends read alike."""
    places = decimals(max(abs(least), abs(most)), None)
    ends = [signed(value, places) for value in (least, most)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def difference_text(delta: float, ci: tuple[float, float]) -> str:
    """Formats a difference and its interval: `+0.14 [+0.10, +0.17]`."""
    places = decimals(max(map(abs, ci)), None)
    low, high = (signed(end, places) for end in ci)
    return f"{signed(delta, places)} [{low}, {high}]"


def counted(count: int, what: str) -> str:
    """Formats a number of things: `1 clip`, `2 clips`."""
    return f"{count:,} {what}{'s' * (count != 1)}"


UNKNOWN = "unknown"
"""What a table says where no source states a size or a time."""


def size_text(size: float, more: bool = False) -> str:
    """Formats bytes; `more` says that some are not known."""
    if not size:
        return UNKNOWN if more else "nothing"
    return f"{'at least ' * more}" + (f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB")


def setting_text(value: str | float) -> str:
    """Formats the value of a setting: 5 for 5.0, `true` for True."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def with_interval(value: float, ci: tuple[float, float] | None) -> str:
    """Formats a value and its interval as `value [lo, hi]`."""
    places = decimals(value, ci)
    text = number(value, places)
    return text if ci is None else f"{text} [{number(ci[0], places)}, {number(ci[1], places)}]"


def table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table whose source is aligned, too, for terminals."""
    widths = [max(3, *(len(row[i]) for row in (header, *body))) for i in range(len(header))]
    rows = [header, ["-" * width for width in widths], *body]
    lines = [" | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


# What a terminal or a browser obeys without showing it: control characters, marks that turn the direction of writing
# around, and halves of characters, which cannot be written at all.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Signs of Markdown and its usual dialects: links, images, code, HTML, tables, emphasis (an underscore inside of a word
# is none), formulas, footnotes, entities, addresses that become links by themselves, and blocks at the start.
_MARKDOWN = re.compile(
    r"[\\`*\[\]<>|~$]|(?<!\w)_|_(?!\w)|&(?=[#\w])|:(?=//)|(?<=\bwww)\."
    r"|^(?:#+|[-+=]+)(?=\s|$)|(?:(?<=^\d)|(?<=^\d\d))[.)](?=\s)"
)


def visible(text: str) -> str:
    """Returns a text in which what a terminal would obey stands as Python writes it; ends of lines and tabs stay."""
    return _UNSEEN.sub(lambda one: one[0] if one[0] in "\n\t\r" else one[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Returns a text on one line, without control characters."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def escaped(text: str) -> str:
    """Escapes untrusted text so that Markdown shows it as it is, on one line."""
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", one_line(text))


def code(text: str) -> str:
    """Returns text that Markdown shows as code, whatever characters it has, on one line."""
    line = one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def spreadsheet(text: str) -> str:
    """Escapes text for spreadsheets: an apostrophe precedes a sign that would begin a formula."""
    line = one_line(text)
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def plain(value: Any) -> str:
    """Formats a value or a list of values, escaped."""
    return escaped(" ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value))
