r"""Formats chosen metrics as one LaTeX table for a paper, with `\usepackage{booktabs,siunitx}`.

It fits a text width of 5.5 in: metrics that have no room beside the others stand below them, under the same caption.
A value has its interval beneath it, or a letter for why clips have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from textwrap import wrap

from jova_bench.formatting.text import counted, decimals, number, one_line
from jova_bench.models.registry import CONTROLS
from jova_bench.report.cells import Column, no_value
from jova_bench.report.latex import ARROW, engine, escaped, minus
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.report.notes import reasons_text
from jova_bench.report.paper_caption import caption, label, measured_by
from jova_bench.report.tex_text import breakable, width
from jova_bench.summary import Estimate

TEXT_WIDTH = 5.5 * 72.27
"""Points that a table may take."""
SIZE, SMALL = 9.0, 7.0
r"""Points of `\small` and `\scriptsize`, where the text of a paper has 10."""
GAP = 4.0
"""Points on each side of a column."""
NAMES, BESIDE = 70.0, 5
"""Points that names of models may take, more where so many columns leave it; longer names break."""
WORDS = 12
"""Letters of a line of a column's head."""
NOT_MEASURED = "not measured"


class Marks:
    """Holds why values are missing, each reason under a letter."""

    def __init__(self) -> None:
        """Starts without a reason."""
        self._texts: dict[str, None] = {}

    def of(self, text: str) -> str:
        """Returns the letter of a reason: a to z, then aa."""
        self._texts.setdefault(text)
        return _letter(list(self._texts).index(text))

    def lines(self) -> list[tuple[str, str]]:
        """Returns letters and reasons."""
        return [(_letter(place), text) for place, text in enumerate(self._texts)]


def paper(board: Leaderboard) -> str:
    """Formats a table of all prompts, one for each slice, and what made each number for the appendix."""
    about = board.about()
    asked = f"suite {about['suite']}, profile {about['profile']}, {about['prompts']} prompts"
    head = [f"% {one_line(asked)}. Needs \\usepackage{{booktabs,siunitx}}; fits a text width of 5.5 in."]
    if board.common is not None:
        head.append(f"% Models made different clips: {one_line(board.common.about)} Other formats show those means.")
    tables = [_table(board), *(_table(board.at(name), name) for name in board.slices)]
    text = "\n\n".join([*tables, measured_by(board)])
    return "\n".join(head) + f"{engine(text)}\n{text}\n"


def _table(board: Leaderboard, of_slice: str | None = None) -> str:
    marks = Marks()
    panels = [_panel(board, shown, marks) for shown in _panels(board)]
    notes = [rf"\textsuperscript{{{letter}}}~{breakable(text)}" for letter, text in marks.lines()]
    lines = [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{caption(board, of_slice, bool(notes))}}}",
        rf"\label{{{label(board, of_slice)}}}",
        r"\par\smallskip\small",
        rf"\setlength{{\tabcolsep}}{{{GAP:g}pt}}",
        r"\sisetup{detect-weight=true,group-digits=false}",
        "\n\\par\\medskip\n".join(panels),
    ]
    if notes:
        lines += [r"\par\smallskip", r"\begin{minipage}{\linewidth}", r"\raggedright\scriptsize"]
        lines += [f"{note}." if note[-1] != "." else note for note in notes] + [r"\end{minipage}"]
    return "\n".join([*lines, r"\end{table}"])


def _names(board: Leaderboard) -> float:
    """Returns the width of the column of names, in points: that of the longest, or what the others leave."""
    needed = sum(2 * GAP + _width(column, board.models) for column in board.columns[:BESIDE])
    return min(_longest(board), max(NAMES, TEXT_WIDTH - GAP - needed))


def _longest(board: Leaderboard) -> float:
    return max(width(text, SIZE) for text in (*board.models, "Model"))


def _panels(board: Leaderboard) -> list[list[Column]]:
    """Returns the columns that stand side by side: as many as fit."""
    names = _names(board)
    found: list[list[Column]] = []
    left = 0.0
    for column in board.columns:
        needed = 2 * GAP + _width(column, board.models)
        if not found or needed > left:
            found.append([])
            left = TEXT_WIDTH - names - GAP
        found[-1].append(column)
        left -= needed
    return found


def _width(column: Column, models: Iterable[str]) -> float:
    """Estimates the width of a column from above, in points."""
    *lines, kind = _head(column)
    lines[-1] += " → real" if column.direction == "target" else " ↑"
    texts = [*((line, SIZE) for line in lines), (kind, SMALL)]
    for model in models:
        estimate = column.cells.get(model)
        texts += [((_number(estimate) or "").replace("e", "→10"), SIZE), *((text, SMALL) for text in _words(estimate))]
    return max(width(text, size) for text, size in texts)


def _panel(board: Leaderboard, shown: Sequence[Column], marks: Marks) -> str:
    room = _names(board)
    names = "l" if room == _longest(board) else rf">{{\raggedright\arraybackslash}}p{{{room:.0f}pt}}"
    formats = "".join(f" S[table-format={_table_format(column, board.models)}]" for column in shown)
    lines = [
        rf"\begin{{tabular}}{{@{{}}{names}{formats}@{{}}}}",
        r"\toprule",
        " & ".join(["Model", *map(_head_cell, shown)]) + r" \\",
    ]
    for _, models in groupby(board.models, lambda model: model in CONTROLS):
        lines.append(r"\midrule")
        for model in models:
            lines += _row(board, model, shown, marks)
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _head(column: Column) -> list[str]:
    """Returns the lines of a column's head: its name, then what is in parentheses at its end, if anything."""
    label = one_line(column.label)
    name, _, kind = label.rpartition(" (") if " (" in label and label.endswith(")") else (label, "", "")
    lines = wrap(name, WORDS, break_long_words=False, break_on_hyphens=False)
    return [*lines, f"({kind}" if kind else ""]


def _head_cell(column: Column) -> str:
    *lines, kind = map(escaped, _head(column))
    lines[-1] += f" {ARROW[column.direction]}"
    if kind:
        lines.append(rf"{{\scriptsize {kind}}}")
    if len(lines) == 1:
        return f"{{{lines[0]}}}"
    stacked = r" \\ ".join(lines)
    return rf"{{\begin{{tabular}}[b]{{@{{}}c@{{}}}}{stacked}\end{{tabular}}}}"


def _table_format(column: Column, models: Iterable[str]) -> str:
    """Formats the sign, and how many digits stand before and after the point and in an exponent, at most."""
    numbers = [text for model in models if (text := _number(column.cells.get(model)))] or ["0.00"]
    mantissas, _, exponents = zip(*(text.lstrip("-").partition("e") for text in numbers), strict=True)
    power = f"e-{max(map(len, exponents)) - 1}" if any(exponents) else ""
    parts = [text.partition(".") for text in mantissas]
    before, after = max(len(part[0]) for part in parts), max(len(part[2]) for part in parts)
    return f"{'-' * any(text.startswith('-') for text in numbers)}{before}.{after}{power}"


def _row(board: Leaderboard, model: str, shown: Sequence[Column], marks: Marks) -> list[str]:
    """Formats values, and beneath them their intervals."""
    values, intervals = [breakable(model)], [""]
    for column in shown:
        estimate = column.cells.get(model)
        mark = rf"\rlap{{\normalfont\textsuperscript{{{marks.of(why)}}}}}" if (why := _why(estimate, model)) else ""
        text, words = _number(estimate), [minus(word) for word in _words(estimate)]
        rank = board.ranks.get(column.identity, {}).get(model)
        if text is None:
            values.append(rf"{{\scriptsize {words[0]}{mark}}}")
            words = words[1:]
        else:
            values.append(r"\bfseries " * bool(rank and rank.best) + text + (f"{{{mark}}}" if mark else ""))
        intervals.append(rf"{{\scriptsize {words[0]}}}" if words else "")
    first = " & ".join(values) + r" \\"
    return [first, " & ".join(intervals) + r" \\[2pt]"] if any(intervals) else [first]


def _number(estimate: Estimate | None) -> str | None:
    if estimate is None or estimate.value is None:
        return None
    return number(estimate.value, decimals(estimate.value, estimate.ci))


def _words(estimate: Estimate | None) -> list[str]:
    """Returns what stands beside a number: its interval; without a number, one or two lines on what there is."""
    if estimate is None:
        return [NOT_MEASURED]
    if estimate.value is None:
        first, _, second = no_value(estimate).partition(" and ")
        return [first, f"and {second}"] if second else [first]
    if estimate.ci is None:
        return []
    places = decimals(estimate.value, estimate.ci)
    return [f"[{', '.join(number(end, places) for end in estimate.ci)}]"]


def _why(estimate: Estimate | None, model: str) -> str | None:
    """Returns why clips have no value; None where all have one."""
    if estimate is None:
        return f"{NOT_MEASURED}: this run did not ask it of {model}"
    if estimate.value is not None and not (estimate.n_undefined or estimate.n_failed):
        return None
    total = estimate.n_ok + estimate.n_undefined + estimate.n_failed
    some = f"{estimate.n_ok:,} of {counted(total, 'clip')} have a value; " if estimate.n_ok else ""
    return f"{some}{no_value(estimate)}" + (f": {reasons_text(estimate.reasons)}" if estimate.reasons else "")


def _letter(place: int) -> str:
    letters = ""
    while place >= 0:
        letters, place = chr(ord("a") + place % 26) + letters, place // 26 - 1
    return letters
