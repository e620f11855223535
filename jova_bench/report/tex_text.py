"""Writes names for LaTeX that may break where they have no space, and estimates how wide a text will be."""

from __future__ import annotations

import re

from jova_bench.formatting.text import one_line
from jova_bench.report.latex import escaped

_WORD = re.compile(r"\S{15,}")
"""What is too long to stand on a line as it is."""
_BREAKS = re.compile(r"(?<=[/:_.,=@{}\[\]()+-])(?=\w)|(?<=\w{12})(?=\w)")
"""Where it may break: after a sign, and in what has no sign for long."""
_TOGETHER = 12
"""Letters that stay together where they can."""
_EMS = {
    **dict.fromkeys("ijl.,:;'!|[]", 0.28),
    **dict.fromkeys(" ()-tfrs/{}_", 0.4),
    **dict.fromkeys("acegkovxyz0123456789↑", 0.53),
    **dict.fromkeys("mwMW@%→", 1.03),
}
"""Widths of letters in Computer Modern, in em, at most; other small letters and signs have 0.56, capitals 0.79."""


def breakable(text: str) -> str:
    """Escapes a text whose long words LaTeX may break."""
    return " ".join(_broken(word) if _WORD.fullmatch(word) else escaped(word) for word in one_line(text).split())


def _broken(word: str) -> str:
    parts: list[str] = []
    for part in _BREAKS.split(word):
        if parts and len(parts[-1]) + len(part) <= _TOGETHER:
            parts[-1] += part
        else:
            parts.append(part)
    return r"\allowbreak{}".join(map(escaped, parts))


def width(text: str, size: float) -> float:
    """Estimates from above how wide a text is, in points.

    Args:
        text: as it is printed.
        size: of the font, in points; smaller fonts are wider by their size.
    """
    return (1 + 0.02 * (10 - size) ** 1.8) * size * sum(_EMS.get(letter) or _em(letter) for letter in text)


def _em(letter: str) -> float:
    return 0.79 if letter.isupper() or not letter.isascii() else 0.56
