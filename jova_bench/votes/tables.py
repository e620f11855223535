"""Formats what votes say as Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jova_bench.formatting.text import counted, escaped, number, signed, spreadsheet, table
from jova_bench.votes.fit import Question, Rated, Versus, VoteFit
from jova_bench.votes.raters import Rater

ABOUT = (
    "Ratings are strengths of Davidson's model (Bradley and Terry's with ties) on Elo's scale: 400 points are odds of "
    "10 to 1 among votes that decide, 1000 is the mean of these models. 95 % intervals are over raters and prompts at "
    "once. Models that no test tells apart share ranks (Holm over all pairs of a question)."
)
RATINGS = ("Model", "Rating", "Rank", "For", "Same", "Against")
PAIRS = ("Models", "For the first", "Same", "For the second", "Difference of ratings", "p (Holm)")


def markdown(fit: VoteFit) -> str:
    """Formats raters, and for each question the ratings and every pair of models."""
    parts = ["# Votes", ABOUT, raters_text(fit.raters, fit.rule, escaped)]
    for one in fit.questions:
        parts += [f"## {escaped(one.question)}", counts_text(one)]
        if one.reason:
            parts.append(f"Ratings are undefined: {escaped(one.reason)}.")
        parts.append(table(RATINGS, [rating_cells(row, escaped) for row in one.models]))
        if one.pairs:
            parts.append(table(PAIRS, [pair_cells(row, escaped) for row in one.pairs]))
    return "\n\n".join(parts) + "\n"


def csv(fit: VoteFit) -> str:
    """Formats one row per question and model; no text begins as a formula of a spreadsheet does."""
    frame = fit.table()
    for name in ("question", "model"):
        frame[name] = frame[name].map(spreadsheet)
    return str(frame.to_csv(index=False, lineterminator="\n"))


def json(fit: VoteFit) -> str:
    """Formats everything."""
    return fit.model_dump_json(by_alias=True, indent=1) + "\n"


VIEWS: Mapping[str, Callable[[VoteFit], str]] = {"md": markdown, "csv": csv, "json": json}
"""Views by name."""


def raters_text(raters: Sequence[Rater], rule: str, text: Callable[[str], str]) -> str:
    """Says how many raters there are, and which are left out by which rule."""
    out = [f"{text(one.rater)} ({one.passed} of {one.checks} right)" for one in raters if not one.kept]
    unchecked = sum(one.checks == 0 for one in raters)
    parts = [counted(len(raters), "rater"), f"left out: {', '.join(out)}" if out else "none left out"]
    if unchecked:
        parts.append(f"{unchecked} without checks")
    return f"{'; '.join(parts)}. {rule}"


def counts_text(one: Question) -> str:
    """Says on what a question's ratings rest, and whether the sides of the page made a difference."""
    broken = f", {counted(one.broken, 'other')} called broken" if one.broken else ""
    of = f"{counted(one.votes, 'vote')} of {counted(one.raters, 'rater')} on {counted(one.prompts, 'prompt')}{broken}."
    if one.left is None:
        return of
    ends = "" if one.left_ci is None else f" [{one.left_ci[0]:.0%}, {one.left_ci[1]:.0%}]"
    return f"{of} Of those that decide, {one.left:.0%}{ends} are for the left clip."


def rating_cells(row: Rated, text: Callable[[str], str]) -> list[str]:
    """Returns the cells of `RATINGS`: no rating without its interval."""
    rating = rank = ""
    if row.rating is not None and row.ci is not None and row.rank is not None:
        rating = f"{number(row.rating, 0)} [{number(row.ci[0], 0)}, {number(row.ci[1], 0)}]"
        rank = "–".join(map(str, dict.fromkeys(row.rank)))
    return [text(row.model), rating or "undefined", rank, str(row.wins), str(row.ties), str(row.losses)]


def pair_cells(row: Versus, text: Callable[[str], str]) -> list[str]:
    """Returns the cells of `PAIRS`."""
    difference = f"{signed(row.difference, 0)} [{signed(row.ci[0], 0)}, {signed(row.ci[1], 0)}]"
    return [
        f"{text(row.a)}, {text(row.b)}", str(row.wins_a), str(row.ties), str(row.wins_b), difference,
        f"{row.p_holm:.2g}",
    ]  # fmt: skip
