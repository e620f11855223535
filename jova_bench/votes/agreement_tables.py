"""Formats the agreement of metrics with people as Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jova_bench.formatting.text import counted, escaped, number, spreadsheet, table
from jova_bench.metrics.labels import ARROWS
from jova_bench.votes.agree import Agreement, AgreementOn, Pairwise, VoteAgreement
from jova_bench.votes.orders import Ranking
from jova_bench.votes.tables import raters_text

ABOUT = (
    "Agreement on pairs: of votes that decide for a clip, how often the metric gives this clip the better value, in "
    "its own direction; half is chance. Order of models: Spearman's correlation of the metric's means with the "
    "strengths of the votes. Where the real clip's value is the target, votes on `real` are left out. 95 % intervals "
    "are over raters and prompts. Verdicts are on pairs (Holm over the metrics of a question)."
)
HEAD = ("Metric", "Agreement on pairs", "Votes", "p (Holm)", "Order of models", "Models", "Verdict")


def markdown(found: VoteAgreement) -> str:
    """Formats a table for each question, the metric that agrees most first, with reasons below."""
    parts = ["# Which metrics agree with people", ABOUT, raters_text(found.raters, found.rule, escaped)]
    for one in found.questions:
        rows = sorted(one.metrics, key=lambda row: -row.pairwise.share if row.pairwise else 1.0)
        parts += [f"## {escaped(one.question)}", _counts(one), table(HEAD, [_cells(row) for row in rows])]
        reasons: dict[str, list[str]] = {}
        for row in rows:
            for what, why in (("pairs", row.pairwise_reason), ("order", row.ranking_reason)):
                if why:
                    reasons.setdefault(f"{what}: {why}", []).append(row.label)
        if reasons:
            parts.append(
                "\n".join(
                    f"- {escaped(', '.join(names))}: undefined on {escaped(why)}" for why, names in reasons.items()
                )
            )
    return "\n\n".join(parts) + "\n"


def csv(found: VoteAgreement) -> str:
    """Formats one row per question and metric; no text begins as a formula of a spreadsheet does."""
    frame = found.table()
    for name in ("question", "metric", "identity"):
        frame[name] = frame[name].map(lambda value: spreadsheet(str(value)))
    return str(frame.to_csv(index=False, lineterminator="\n"))


def json(found: VoteAgreement) -> str:
    """Formats everything."""
    return found.model_dump_json(by_alias=True, indent=1) + "\n"


VIEWS: Mapping[str, Callable[[VoteAgreement], str]] = {"md": markdown, "csv": csv, "json": json}
"""Views by name."""


def _counts(one: AgreementOn) -> str:
    people = (
        "no pair has votes of two raters" if one.people is None else f"another rater agrees in {_share(one.people)}"
    )
    return f"{counted(one.votes, 'vote')} on clips of the run, of which {one.decided} decide; {people}."


def _cells(row: Agreement) -> list[str]:
    return [
        f"{escaped(row.label)} {ARROWS[row.direction]}",
        _share(row.pairwise) if row.pairwise else "undefined",
        str(row.pairwise.n) if row.pairwise else "",
        "" if row.p_holm is None else f"{row.p_holm:.2g}",
        _order(row.ranking) if row.ranking else "undefined",
        str(row.ranking.models) if row.ranking else "",
        row.verdict,
    ]


def _share(one: Pairwise) -> str:
    return f"{one.share:.0%} [{one.ci[0]:.0%}, {one.ci[1]:.0%}]"


def _order(one: Ranking) -> str:
    ends = "" if one.ci is None else f" [{number(one.ci[0], 2)}, {number(one.ci[1], 2)}]"
    return f"{number(one.rho, 2)}{ends}"
