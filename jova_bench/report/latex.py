r"""Formats the leaderboard as LaTeX tables, which need `\usepackage{booktabs}` alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jova_bench.formatting.text import decimals, number, one_line
from jova_bench.identity import Identity
from jova_bench.models.registry import CONTROLS
from jova_bench.records import Direction
from jova_bench.report.cells import Column, no_value
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.report.statements import averages, untested_text, valueless_text
from jova_bench.summary import Estimate, attempts_text

ARROW: dict[Direction, str] = {"up": r"$\uparrow$", "down": r"$\downarrow$", "target": r"$\to$ real"}
# A bracket or a star at the start of a row would belong to the end of the row before.
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "[": "{[}", "]": "{]}", "*": "{*}", "|": r"\textbar{}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "→": r"$\to$", "–": "--", "∞": r"$\infty$", "−": "$-$", "≥": r"$\geq$", "≤": r"$\leq$", "≈": r"$\approx$",
    "×": r"$\times$", "±": r"$\pm$", "·": r"$\cdot$", "…": r"\ldots{}", "°": r"$^\circ$", "²": "$^2$", "µ": r"$\mu$",
}  # fmt: skip
LETTERS = 12
"""Letters that a comment names."""


def latex(board: Leaderboard) -> str:
    """Formats one table per family: ranked models above the line, controls below it.

    Bold: a paired test puts it before every other ranked model. Superscripts are rank ranges.
    """
    about = board.about()
    asked = f"suite {about['suite']}, profile {about['profile']}, {about['prompts']} prompts"
    head = f"% {one_line(asked)}. Needs \\usepackage{{booktabs}}."
    tables = [*_tables(board), *(one for name, part in board.parts.items() for one in _tables(part, name))]
    text = "\n\n".join(tables)
    return "\n\n".join([f"{head}{engine(text)}", text]) + "\n"


def engine(text: str) -> str:
    """Returns a comment on what compiles a table, where pdflatex alone may lack letters of it; else nothing."""
    letters = "".join(dict.fromkeys(letter for letter in text if not letter.isascii()))[:LETTERS]
    return letters and (
        f"\n% Has letters that pdflatex may lack ({letters}): compile with lualatex or xelatex, "
        "\\usepackage{fontspec} and a \\setmainfont that has them."
    )


def _tables(board: Leaderboard, of_part: str | None = None) -> list[str]:
    return [_table(board, family, shown, of_part) for family, shown in board.groups()]


def _table(board: Leaderboard, family: str, shown: Sequence[Column], of_part: str | None) -> str:
    header = " & ".join(["Model", *(f"{escaped(column.label)} {ARROW[column.direction]}" for column in shown)])
    ranked = [model for model in board.models if model not in CONTROLS]
    controls = [model for model in board.models if model in CONTROLS]
    groups = [[_row(board, model, shown) for model in group] for group in (ranked, controls) if group]
    where = f"{board.about()['suite']} suite" + (f", {of_part}" if of_part else "")
    pairs = f"pairs of the {len(board.tested)} models of the run" if board.narrowed else "pairs"
    means = averages(shown, board.manifest)
    there = any(one.ci for column in shown for one in column.cells.values())
    intervals = ", with 95\\,\\% intervals" if there else ""
    caption = (
        f"{escaped(family)} on the {escaped(where)}: {escaped(means)}{intervals}; "
        "these checkpoints, not other trainings."
    )
    if any(column.identity in board.ranks for column in shown):
        caption += (
            f" Bold: a paired test (Holm over {pairs}) puts it before every other ranked model; superscripts: ranks "
            "that the tests leave open."
        )
    elif len(ranked) > 1:
        caption += " Nothing is bold, for no test was made."
    if untested := untested_text(shown, board.untested):
        caption += f" {escaped(untested)}."
    if valueless := valueless_text(shown):
        caption += f" {escaped(valueless)}."
    if board.attempts:
        caption += f" {escaped(attempts_text(board.attempts))}."
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption}}}",
        rf"\begin{{tabular}}{{l{'c' * len(shown)}}}",
        r"\toprule",
        rf"{header} \\",
    ]
    for group in groups:
        lines += [r"\midrule", *group]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def _row(board: Leaderboard, model: str, shown: Sequence[Column]) -> str:
    cells = [_cell(column.cells.get(model), board, model, column.identity) for column in shown]
    return " & ".join([escaped(model), *cells]) + r" \\"


def _cell(estimate: Estimate | None, board: Leaderboard, model: str, identity: Identity) -> str:
    """Formats a value with its interval, and `ok/undefined/failed` where some clips have none, or the status of all."""
    if estimate is None:
        return "--"
    if estimate.value is None:
        return rf"{{\scriptsize {no_value(estimate)}}}"
    places = decimals(estimate.value, estimate.ci)
    text = minus(number(estimate.value, places))
    rank = board.ranks.get(identity, {}).get(model)
    if rank is not None and rank.best:
        text = rf"\textbf{{{text}}}"
    if rank is not None:
        text += rf"\textsuperscript{{{escaped(rank.text)}}}"
    if estimate.ci is not None:
        text += rf" {{\scriptsize [{', '.join(minus(number(end, places)) for end in estimate.ci)}]}}"
    if estimate.n_undefined or estimate.n_failed:
        text += rf" {{\scriptsize ({estimate.n_ok}/{estimate.n_undefined}/{estimate.n_failed})}}"
    return text


def minus(text: str) -> str:
    """Replaces a hyphen by a minus sign, and an exponent by a power of ten."""
    return re.sub(r"e(-\d+)|-", lambda one: rf"$\cdot10^{{{one[1]}}}$" if one[1] else "$-$", text)


def escaped(text: str) -> str:
    """Escapes text so that LaTeX prints it as it is, on one line."""
    return "".join(_SPECIAL.get(letter, letter) for letter in one_line(text))
