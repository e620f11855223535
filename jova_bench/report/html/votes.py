"""Shows people's votes beside the leaderboard: a table and a figure for each question."""

from __future__ import annotations

import os
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, read_json
from jova_bench.votes.fit import Question, VoteFit
from jova_bench.votes.tables import ABOUT, PAIRS, RATINGS, counts_text, pair_cells, raters_text, rating_cells


def read_fit(path: str | os.PathLike[str]) -> VoteFit:
    """Reads a file that `votes fit --format json` printed. Raises BenchError if it is none."""
    value = read_json(path)
    if not isinstance(value, dict) or "questions" not in value:
        raise BenchError(f"{path}: expected what `votes fit --format json` prints, got another JSON file")
    return as_record(VoteFit, value, str(path))


def section(fit: VoteFit) -> dict[str, Any]:
    """Returns what the page's section shows."""
    return {
        "about": ABOUT,
        "raters": raters_text(fit.raters, fit.rule, str),
        "ratings_head": RATINGS,
        "pairs_head": PAIRS,
        "questions": [
            {
                "name": one.question,
                "counts": counts_text(one),
                "reason": one.reason,
                "ratings": [rating_cells(row, str) for row in one.models],
                "pairs": [pair_cells(row, str) for row in one.pairs],
            }
            for one in fit.questions
        ],
    }


def rating_figures(fit: VoteFit) -> list[dict[str, Any]]:
    """Returns a figure for each question with ratings, as `figures.sweep_curves` describes them."""
    return [_figure(one) for one in fit.questions if one.reason is None]


def _figure(one: Question) -> dict[str, Any]:
    rows = [(row.model, row.rating, row.ci) for row in one.models if row.rating is not None and row.ci is not None]
    return {
        "title": f"Votes: {one.question}",
        "about": "95 % intervals are over raters and prompts.",
        "x": "model",
        "y": "rating by votes ↑",
        "range": [-0.5, len(rows) - 0.5],
        "ticks": [[place, model] for place, (model, _, _) in enumerate(rows)],
        "traces": [
            {
                "name": "rating",
                "mode": "markers",
                "colour": 0,
                "symbol": 0,
                "x": list(range(len(rows))),
                "y": [rating for _, rating, _ in rows],
                "text": [model for model, _, _ in rows],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [ci[1] - rating for _, rating, ci in rows],
                    "arrayminus": [rating - ci[0] for _, rating, ci in rows],
                },
            }
        ],
        "levels": [],
    }
