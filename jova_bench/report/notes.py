"""Collects the reasons of missing values as footnotes, one line for each kind: all of them are in `summary.json`.

Reasons of one kind differ in a number, a path or the names of weights. Cells that share a footnote have the same kinds
of the same numbers of clips.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jova_bench.formatting.text import escaped

MOST = 2
"""Reasons of one kind that one cell shows in full."""
_PULL = re.compile(r"(weights missing: jova-bench assets pull)((?: (?!--)[^\s;()]+)+)((?: --accept [\w-]+)*)")
"""What a metric without weights asks for: names, and terms to accept."""
_SIZES = re.compile(r"; \w+ takes [\d,]+ clips on each side(?: \((?!docs/)[^()]*\))?")
"""How many clips a distance takes: of use beside one distance, and the table of docs/reference-sets.md for many."""
_PART = re.compile(r"\S*/\S*|\b[0-9a-f]{8,}\b|\d[\d.,]*")
"""What differs between reasons of one kind: a path, a digest, a number."""


class Notes:
    """The footnotes of one report, in the order in which its cells ask for them."""

    def __init__(self) -> None:
        """Starts without a footnote."""
        self._texts: dict[str, list[str]] = {}

    def number(self, reasons: Mapping[str, int]) -> int | None:
        """Returns the number of the footnote with the reasons of a cell; None where there are none."""
        if not reasons:
            return None
        text = reasons_text(reasons)
        kind = _SIZES.sub("", _PULL.sub("weights missing", text))
        texts = self._texts.setdefault(kind, [])
        if text not in texts:
            texts.append(text)
        return list(self._texts).index(kind) + 1

    def lines(self) -> list[str]:
        """Returns the text of each footnote."""
        return [texts[0] if len(texts) == 1 else _of_several(texts) for texts in self._texts.values()]

    def markdown(self) -> str:
        """Formats them for Markdown."""
        return "\n".join(f"[^{number}]: {escaped(text)}" for number, text in enumerate(self.lines(), start=1))


def reasons_text(reasons: Mapping[str, int]) -> str:
    """Formats the reasons of one cell with their counts: those of a kind beyond a few as the first of them."""
    kinds: dict[str, list[str]] = {}
    for reason in sorted(reasons):
        kinds.setdefault(_PART.sub("#", reason), []).append(reason)
    found = []
    for same in kinds.values():
        for reason in same if len(same) <= MOST else same[:1]:
            count = reasons[reason] if len(same) <= MOST else sum(reasons[one] for one in same)
            more = "" if len(same) <= MOST else f", and {len(same) - 1} more like it"
            found.append(f"{reason}{more} ({count} clip{'s' * (count > 1)})")
    return "; ".join(found)


def _of_several(texts: Sequence[str]) -> str:
    """Returns one text for cells that lack weights or distances of their own: one command that gets all weights."""
    pulls = [pull for text in texts for pull in _PULL.finditer(text)]
    names = dict.fromkeys(name for pull in pulls for name in pull[2].split())
    terms = dict.fromkeys(re.findall(r"--accept [\w-]+", " ".join(pull[3] for pull in pulls)))
    return _PULL.sub(lambda one: " ".join((one[1], *names, *terms)), _SIZES.sub("", texts[0]))
