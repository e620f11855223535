"""Says in words what a table for a paper shows: its caption, and what made each number, for the appendix."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from jova_bench.formatting.text import counted
from jova_bench.identity import Identity
from jova_bench.metrics.labels import differences
from jova_bench.models.registry import CONTROLS
from jova_bench.report.cells import Column
from jova_bench.report.latex import ARROW, escaped
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.report.papers import papers
from jova_bench.report.statements import averages, untested_text
from jova_bench.report.tex_text import breakable
from jova_bench.summary import Estimate, attempts_text

DIGITS, DIGEST = 8, 12
"""Digits of a digest in a caption, and in an appendix."""
MADE = "metric and version, profile and bench that is followed, evaluator, digest of its weights, parameters"


def label(board: Leaderboard, of_slice: str | None = None) -> str:
    r"""Returns what `\ref` calls the table."""
    name = _slug(board, of_slice)
    if of_slice is None:
        return name
    taken = [_slug(board), _appendix(board), *(_slug(board, one) for one in board.slices)]
    # Values of other scripts, and those that differ in signs alone, have the same letters.
    return name if taken.count(name) == 1 else f"{name}-{hashlib.sha256(of_slice.encode()).hexdigest()[:DIGITS]}"


def _slug(board: Leaderboard, of_slice: str | None = None) -> str:
    words = re.findall(r"[a-z0-9]+", f"{board.summary.suite} {of_slice or ''}".lower())
    return f"tab:{'-'.join(words) or 'results'}"


def caption(board: Leaderboard, of_slice: str | None, notes: bool) -> str:
    """Formats the suite, n, intervals, tests, and the identities in short.

    Args:
        board: the table.
        of_slice: `tag=value` of its prompts; None for all.
        notes: whether letters beneath the table say why clips have no value.
    """
    shown = [estimate for column in board.columns for estimate in column.cells.values()]
    where = f"Suite {board.summary.suite}, {board.summary.profile} profile" + (f", {of_slice}" if of_slice else "")
    means = averages(board.columns, board.manifest)
    intervals = ", with 95\\,\\% intervals over prompts below them" if any(one.ci for one in shown) else ""
    parts = [
        f"{escaped(where)}: {escaped(means)}{intervals}; "
        f"{_counts(shown, board.asked)}. They speak of these checkpoints, not of other trainings",
        *_tests(board),
    ]
    if any(column.direction == "target" for column in board.columns):
        parts.append(f"{ARROW['target']}: should match the real clips")
    if notes:
        parts.append("Letters say which clips have no value, and why")
    if board.attempts:
        parts.append(escaped(attempts_text(board.attempts)))
    parts.append(f"Measured by: {_measured(board.columns)}; in full in Table~\\ref{{{_appendix(board)}}}")
    return ". ".join(parts) + "."


def _counts(shown: Sequence[Estimate], asked: int | None) -> str:
    """Formats the number of prompts, clips and seeds of each value; without any, how many prompts were asked."""
    valued = [one for one in shown if one.value is not None]
    if not valued:
        return "no clip has a value" + (f" ({counted(asked, 'prompt')} asked)" if asked else "")
    numbers = {
        "prompt": [one.n_prompts for one in valued],
        "clip": [one.n_ok for one in valued],
        "seed": [one.n_seeds for one in valued],
    }
    return "n = " + ", ".join(f"{_range(found)} {what}{'s' * (max(found) != 1)}" for what, found in numbers.items())


def _range(numbers: Iterable[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def _tests(board: Leaderboard) -> list[str]:
    ranked = [model for model in board.models if model not in CONTROLS]
    controls = [model for model in board.models if model in CONTROLS]
    found = []
    if board.ranks:
        family = f"the {len(board.tested)} models of the run" if board.narrowed else "the models"
        found.append(
            "Bold: paired tests put it before every other ranked row with a value, with an error of 5\\,\\% a column "
            f"(Holm over all pairs of {family})"
        )
    elif len(ranked) > 1:
        found.append("Nothing is bold, for no test was made")
    if untested := untested_text(board.columns, board.untested):
        found.append(escaped(untested))
    if controls:
        found.append(f"{escaped(', '.join(controls))}: control{'s' * (len(controls) > 1)}, not ranked")
    return found


def _measured(columns: Sequence[Column]) -> str:
    """Formats identities in short; where that is the same of several columns, with what they differ in."""
    alike: dict[str, list[Identity]] = {}
    for column in columns:
        alike.setdefault(_short(column.identity), []).append(column.identity)
    more = {
        identity: text
        for same in alike.values()
        for identity, text in zip(same, differences(same), strict=True)
        if text
    }
    return "; ".join(
        f"{escaped(column.label.removesuffix(' (embedded)'))}: "
        + breakable(f"{_short(column.identity)} {more.get(column.identity, '')}")
        for column in columns
    )


def _short(identity: Identity) -> str:
    made = f"{identity.name}@{identity.version} {identity.backend}"
    made += f" {identity.weights[:DIGITS]}" if identity.weights else ""
    return made + (f" as {identity.bench}" if identity.bench else "")


def _appendix(board: Leaderboard) -> str:
    return f"{label(board)}-identities"


def measured_by(board: Leaderboard) -> str:
    """Formats a float that has the identity of each column, and where the run comes from."""
    about = {key: value for key, value in board.about().items() if key not in ("suite", "profile", "prompts")}
    origin = "; ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in about.items())
    return "\n".join([
        "% For the appendix: what made each number. `--format bib` prints the papers.",
        r"\begin{table}[t]",
        rf"\caption{{What made each number of Table~\ref{{{label(board)}}}: {MADE}.}}",
        rf"\label{{{_appendix(board)}}}",
        r"\smallskip",
        r"\raggedright\scriptsize",
        *(rf"{escaped(one.label)}{_cite(one)}: \texttt{{{breakable(one.identity)}}}\par" for one in board.columns),
        *([rf"{breakable(origin)}\par"] if origin else []),
        r"\end{table}",
    ])  # fmt: skip


def _plain(value: object) -> str:
    """Formats a value or several, of digests the beginning."""
    values = value if isinstance(value, list) else [value]
    return " ".join(str(one)[:DIGEST] if re.fullmatch(r"[0-9a-f]{32,}", str(one)) else str(one) for one in values)


def _cite(column: Column) -> str:
    keys = papers().of(column.identity)
    return rf"~\cite{{{','.join(keys)}}}" if keys else ""
