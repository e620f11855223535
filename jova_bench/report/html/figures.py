"""Curves of a sweep as plain data that the page draws: an arm's place, every training a point with its interval."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jova_bench.labels import ARROWS, labelled
from jova_bench.types import BenchError

ABOUT = "Intervals are over prompts: they speak of these checkpoints. Dotted lines are controls."


def read_sweep(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The figures of a file that a sweep wrote.

    Raises:
        BenchError: it is not there, or no such file.
    """
    try:
        return sweep_curves(json.loads(Path(path).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"{path}: expected a sweep's results, got {type(error).__name__}: {error}") from error


def sweep_curves(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One figure per metric identity.

    Args:
        record: of a sweep: `sweep` (its name), `metrics` (`metric`, `identity`, `direction`), `values` (`arm`,
            `control`, `training_seed`, `metric`, `identity`, `value`, `interval`), `arms` (`arm`, `changed`) and
            `base` (settings).

    Returns:
        `title`, `about`, `x`, `y`, `categories` (arms in order), `traces` (one per training seed), `levels` (controls).
    """
    places = _places(record)
    factor = _numeric_factor(record)
    directions = {one["identity"]: one["direction"] for one in record["metrics"]}
    found = []
    for label in labelled((one["metric"], one["identity"]) for one in record["metrics"]):
        rows = [row for row in record["values"] if row["identity"] == label.identity and row["value"] is not None]
        arms = [row for row in rows if not row["control"]]
        seeds = list(dict.fromkeys(row["training_seed"] for row in arms))
        if arms:
            found.append({
                "title": f"{record['sweep']}: {label.text}",
                "about": ABOUT,
                "x": factor or "arm",
                "y": f"{label.text} {ARROWS[directions[label.identity]]}",
                "categories": list(places.values()),
                "traces": [
                    _trace(seed, [row for row in arms if row["training_seed"] == seed], places, factor is not None)
                    for seed in seeds
                ],
                "levels": [{"name": row["arm"], "value": row["value"]} for row in rows if row["control"]],
            })  # fmt: skip
    return found


def _trace(
    seed: int | None, rows: Sequence[Mapping[str, Any]], places: Mapping[str, str], joined: bool
) -> dict[str, Any]:
    order = list(places)
    rows = sorted(rows, key=lambda row: order.index(row["arm"]))
    ends = [row["interval"] or (row["value"], row["value"]) for row in rows]
    return {
        "name": "shipped weights" if seed is None else f"training seed {seed}",
        "mode": "lines+markers" if joined else "markers",
        "x": [places[row["arm"]] for row in rows],
        "y": [row["value"] for row in rows],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [hi - row["value"] for row, (_, hi) in zip(rows, ends, strict=True)],
            "arrayminus": [row["value"] - lo for row, (lo, _) in zip(rows, ends, strict=True)],
        },
    }


def _places(record: Mapping[str, Any]) -> dict[str, str]:
    """What is written under each arm, in order: the values of a factor that is a number, else the arms' names."""
    arms = {one["arm"]: one["changed"] for one in record["arms"]}
    factor = _numeric_factor(record)
    if factor is None:
        return {arm: arm for arm in arms}
    values = {arm: changed.get(factor, record["base"][factor]) for arm, changed in arms.items()}
    return {arm: f"{values[arm]:g}" for arm in sorted(values, key=lambda arm: float(values[arm]))}


def _numeric_factor(record: Mapping[str, Any]) -> str | None:
    """The only factor that varies, where it is a number."""
    factors = {name for one in record["arms"] for name in one["changed"]}
    if len(factors) != 1:
        return None
    (name,) = factors
    number = isinstance(record["base"][name], int | float) and not isinstance(record["base"][name], bool)
    return name if number else None
