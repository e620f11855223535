"""Fits a table to the width of a terminal: text wraps, numbers do not, and columns that find no room follow below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, chop_cells

GAP = 3
"""Width of what stands between two columns."""
LONGEST = 24
"""Width from which a word, such as a path, may be broken where a table has no room for it."""
PROSE = 20
"""Width below which a column of text reads badly."""
NAMES = ("Model", "Metric")
"""Columns that name rows, where they come first."""
RESULTS = ("State", "Verdict", "B is", "The arm is", "Can run here", "Can be used here", "Can be read")
"""Columns that say what a row comes to: in a table of parts, they stand in the first."""
_PIECE = re.compile(
    r"\d[\d.,]* (?:[GM]B|s|Hz|fps|frames)\b\S*|[\[(][-+−\d.,/% ]+[\])]\S*|\S+ (?:[↑↓]|→ real)(?!\S)|\S+"
)
"""What no line ends within: a number with its unit, an interval, counts, a word with its arrow."""
_NUMBER = re.compile(r"[-+−]?\d[\d.,]*(?:[eE][-+]?\d+)?%?")


@dataclass(frozen=True)
class Column:
    """Holds one column: its name, its cells, and the width that it gets (0 before one is chosen)."""

    name: str
    cells: tuple[str, ...]
    width: int = 0

    @property
    def natural(self) -> int:
        """Returns the width at which no cell wraps."""
        return max(self._header, *map(cell_len, self.cells), 1)

    @property
    def numeric(self) -> bool:
        """Returns whether all cells are numbers alone, which line up at the right."""
        filled = [cell for cell in self.cells if cell]
        return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)

    @property
    def snug(self) -> int:
        """Returns the width at which each number and what belongs to it has one line, and text is still readable."""
        measured = (cell_len(cell) if _NUMBER.match(cell) else min(cell_len(cell), PROSE) for cell in self.cells)
        return max(self.least, *measured)

    @property
    def least(self) -> int:
        """Returns the width at which no number breaks, and no word of a usual length."""
        return max(self._header, *(_length(piece) for cell in self.cells for piece in _PIECE.findall(cell)), 1)

    @property
    def _header(self) -> int:
        return max(map(cell_len, _PIECE.findall(self.name)), default=1)


def parts(header: Sequence[str], body: Sequence[Sequence[str]], width: int) -> list[list[Column]] | None:
    """Returns the columns of one table, or of several of which each begins with the columns that name its rows.

    Args:
        header: names of columns.
        body: cells, row by row.
        width: of the terminal, in characters.

    Returns:
        Tables of columns that have their widths, none wider than `width`; None where even a number finds no room.
    """
    columns = [Column(name, tuple(row[place] for row in body)) for place, name in enumerate(header)]
    whole = [replace(column, width=column.natural) for column in columns]
    if _taken(whole) <= width:
        return [whole]
    named = _naming(header, body)
    keys, others = columns[:named], columns[named:]
    if _taken([replace(column, width=column.snug) for column in columns]) > width:
        others = sorted(others, key=lambda column: column.name not in RESULTS)
    for least in (False, True):
        keys = [replace(column, width=column.least if least else column.snug) for column in keys]
        room = width - sum(column.width + GAP for column in keys)
        if all(column.snug <= room for column in others) or (least and all(column.least <= room for column in others)):
            others = [replace(column, width=min(column.snug, room)) for column in others]
            return [_widened([*keys, *group], width) for group in _grouped(others, room)]
    return None


def wrapped(text: str, width: int) -> Iterator[str]:
    """Yields the lines of a cell. Of its pieces, only a word wider than the column is broken."""
    line = ""
    for piece in _PIECE.findall(text):
        joined = f"{line} {piece}" if line else piece
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        *full, line = chop_cells(piece, width) if cell_len(piece) > width else (piece,)
        yield from full
    yield line


def _length(piece: str) -> int:
    """Returns how much width a piece needs: all of it for a number, for a word not more than `LONGEST`."""
    length = cell_len(piece)
    return min(length, LONGEST) if any(letter.isalpha() for letter in piece) else length


def _taken(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _naming(header: Sequence[str], body: Sequence[Sequence[str]]) -> int:
    """Returns how many of the first columns name a row: at least one, and, where some do, as many as tell all apart."""
    most = max(1, len(header) - 1)
    known = next((place for place, name in enumerate(header) if name not in NAMES), len(header))
    apart = (count for count in range(1, most) if len({tuple(row[:count]) for row in body}) == len(body))
    return min(most, max(1, known, next(apart, 1)))


def _grouped(columns: Sequence[Column], room: int) -> list[list[Column]]:
    """Returns the columns by table: in each as many as find room."""
    groups: list[list[Column]] = [[]]
    for column in columns:
        if groups[-1] and _taken([*groups[-1], column]) > room:
            groups.append([])
        groups[-1].append(column)
    return groups


def _widened(columns: Sequence[Column], width: int) -> list[Column]:
    """Gives what room is left to the columns that would wrap, in the proportion of what they lack."""
    lacks = [max(0, column.natural - column.width) for column in columns]
    share = min(1.0, (width - _taken(columns)) / sum(lacks)) if any(lacks) else 0.0
    return [
        replace(column, width=column.width + int(lack * share)) for column, lack in zip(columns, lacks, strict=True)
    ]
