"""Prepares the data of the first page's scripts: a leaderboard per slice, a value per prompt, and the cost.

Models, columns and prompts are indices, so that no name has to be a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from jova_bench.formatting.text import decimals
from jova_bench.identity import Identity
from jova_bench.models.registry import CONTROLS
from jova_bench.prompts import Prompt
from jova_bench.report.cells import Column
from jova_bench.report.common import COMMON
from jova_bench.report.costs import price_columns
from jova_bench.report.html.slices import members
from jova_bench.report.html.takes import Asked
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.summary import Estimate

COSTS = {
    "seconds_per_clip": "Seconds per clip",
    "real_time_factor": "Real-time factor",
    "peak_memory_bytes": "Peak memory (MB)",
    "function_evals": "Function evaluations",
}
"""Fields of a cost, and their display names."""
SCALE = {"peak_memory_bytes": 1e-6}
ALL = "all prompts"


def page_data(board: Leaderboard, slices: Mapping[str, Sequence[Estimate]], asked: Sequence[Asked]) -> dict[str, Any]:
    """Returns all data in one object.

    Args:
        board: leaderboard of the run.
        slices: estimates by `tag=value`.
        asked: prompts with their takes.
    """
    prompts = [one.prompt for one in asked]
    places = {identity: place for place, identity in enumerate(column.identity for column in board.columns)}
    everything = [e for e in board.summary.estimates if e.slice is None]
    return {
        "models": [{"name": model, "control": model in CONTROLS} for model in board.models],
        "columns": [
            {"label": one.label, "family": one.family, "direction": one.direction, "level": _level(one)}
            for one in board.columns
        ],
        "costs": [
            *({"label": label, "values": _cost(board, field)} for field, label in COSTS.items()),
            *_loading(board),
            *(
                {"label": label, "values": values}
                for label, values in price_columns(board.models, board.prices).items()
            ),
        ],
        "slices": [
            {"name": ALL, "prompts": list(range(len(asked))), "cells": _cells(board, places, everything)},
            *_common(board, places, prompts),
            *(
                {"name": name, "prompts": members(name, prompts), "cells": _cells(board, places, rows)}
                for name, rows in slices.items()
            ),
        ],
        "prompts": [
            {
                "id": one.prompt.id,
                "page": one.page,
                "text": one.prompt.transcript or one.prompt.video_caption or one.prompt.audio_caption,
                "thumbs": [_thumb(one, model) for model in board.models],
            }
            for one in asked
        ],
        "values": [
            None if _level(column) == "set" else [_values(column, model, asked) for model in board.models]
            for column in board.columns
        ],
    }


def _level(column: Column) -> str:
    return next((estimate.level for estimate in column.cells.values()), "clip")


def _cost(board: Leaderboard, field: str) -> list[float | None]:
    """Returns a cost of each model."""
    costs = {cost.model: getattr(cost, field) for cost in board.summary.cost}
    found = [costs.get(model) for model in board.models]
    return [None if value is None else _short(value * SCALE.get(field, 1)) for value in found]


def _loading(board: Leaderboard) -> list[dict[str, Any]]:
    """Returns the seconds of loading weights, apart from those of a clip; empty where no model reports them."""
    found = [board.made[model].load_s if model in board.made else None for model in board.models]
    return [{"label": "Loading (s)", "values": found}] if any(value is not None for value in found) else []


def _common(board: Leaderboard, places: Mapping[Identity, int], prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
    """Returns the slice of the clips that every model made, where some clips are missing."""
    if board.common is None:
        return []
    made = {prompt_id for prompt_id, _ in board.common.cells}
    inside = [place for place, prompt in enumerate(prompts) if prompt.id in made]
    return [{"name": COMMON, "prompts": inside, "cells": _cells(board, places, board.common.summary.estimates)}]


def _cells(
    board: Leaderboard, places: Mapping[Identity, int], estimates: Sequence[Estimate]
) -> list[list[list[float | None] | None]]:
    """Returns, by column and model: value, low, high, decimals, ok, undefined, failed; null where not measured."""
    rows: list[list[list[float | None] | None]] = [[None] * len(board.models) for _ in board.columns]
    models = {model: place for place, model in enumerate(board.models)}
    for e in estimates:
        lo, hi = e.ci or (None, None)
        digits = 0 if e.value is None else decimals(e.value, e.ci)
        if e.identity in places and e.model in models:
            cell = [e.value, lo, hi, digits, e.n_ok, e.n_undefined, e.n_failed]
            rows[places[e.identity]][models[e.model]] = cell
    return rows


def _values(column: Column, model: str, asked: Sequence[Asked]) -> list[float | str | None]:
    """Returns, by prompt, the mean over seeds, or the status for why there is none."""
    found: list[float | str | None] = []
    for one in asked:
        outcomes = [
            take.scores[column.identity] for take in one.takes if take.model == model and column.identity in take.scores
        ]
        values = [outcome.value for outcome in outcomes if outcome.value is not None]
        statuses = sorted({outcome.status for outcome in outcomes}, reverse=True)
        found.append(_short(mean(values)) if values else " and ".join(statuses) or None)
    return found


def _thumb(one: Asked, model: str) -> str:
    """Returns the thumbnail of the model's first seed with video."""
    return next((take.thumb for take in one.takes if take.model == model and take.thumb), "")


def _short(value: float) -> float:
    """Rounds to six digits: a page shows fewer."""
    return float(f"{value:.6g}")
