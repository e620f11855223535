"""Prepares the curves of a sweep for the page: positions of arms, and a point with interval per training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.formatting.text import setting_text
from jova_bench.identity import Identity
from jova_bench.metrics.labels import ARROWS, labelled
from jova_bench.report.arms import Arms, placed
from jova_bench.report.sweeps import read_record

ABOUT = "Intervals are over prompts: they speak of these checkpoints. Dotted lines are controls."
WEIGHTS = "shipped weights"


def read_sweep(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Reads the figures of a file that a sweep wrote.

    Raises:
        BenchError: the file is missing, or no such file.
    """
    record = read_record(path)
    try:
        return sweep_curves(record)
    # It is data for a plot alone; whatever is not as a sweep writes it ends in one of these.
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise BenchError(f"{path}: expected a sweep's results, got {type(error).__name__}: {error}") from error


def sweep_curves(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns one figure per metric identity.

    Args:
        record: of a sweep: `sweep` (its name), `metrics` (`metric`, `identity`, `direction`), `values` (`arm`,
            `control`, `training_seed`, `metric`, `identity`, `value`, `interval`), `arms` (`arm`, `changed`) and
            `base` (settings).

    Returns:
        `title`, `about`, `x`, `y`, `range` (of x), `ticks` (place and label), `traces` (Plotly's), `levels` (controls).
    """
    arms = placed(record)
    places = dict(arms.values)
    # Arms apart stand behind the numbers, in distances of their own: their labels are longer.
    first, last = (min(places.values()), max(places.values())) if places else (0.0, -1.0)
    step, apart = ((last - first) / (len(set(places.values())) - 1), 0.4 * (last - first)) if places else (1.0, 1.0)
    places |= {arm: last + apart * count for count, arm in enumerate(arms.apart, 1)}
    ends = [
        first - step / 2,
        max(places.values(), default=0.0) + (0.8 * apart if arms.apart and arms.lines else step / 2),
    ]
    ticks = {place: setting_text(place) for place in sorted(arms.values.values())}
    ticks |= {places[arm]: label for arm, label in arms.apart.items()}
    directions = {one["identity"]: one["direction"] for one in record["metrics"]}
    found = []
    for label in labelled(Identity.parse(one["identity"]) for one in record["metrics"]):
        rows = [row for row in record["values"] if row["identity"] == label.identity and row["value"] is not None]
        if measured := [row for row in rows if not row["control"]]:
            found.append({
                "title": f"{record['sweep']}: {label.text}",
                "about": ABOUT,
                "x": f"{arms.title}, other arms" if arms.lines and arms.apart else arms.title or "arm",
                "y": f"{label.text} {ARROWS[directions[label.identity]]}",
                "range": ends,
                "ticks": [[place, label] for place, label in ticks.items()],
                "traces": _traces(measured, arms, places),
                "levels": [{"name": row["arm"], "value": row["value"]} for row in rows if row["control"]],
            })  # fmt: skip
    return found


def _traces(rows: Sequence[Mapping[str, Any]], arms: Arms, places: Mapping[str, float]) -> list[dict[str, Any]]:
    """Returns a trace for each line and training seed, then one for the arms apart and each seed."""
    rows = sorted(rows, key=lambda row: places[row["arm"]])
    seeds = dict.fromkeys(row["training_seed"] for row in rows)
    series = [(name if len(arms.lines) > 1 else "", line, "lines+markers") for name, line in arms.lines.items()]
    series.append(("other arms" if arms.lines else "", tuple(arms.apart), "markers"))
    found = []
    for name, members, mode in series:
        for seed in seeds:
            here = [row for row in rows if row["arm"] in members and row["training_seed"] == seed]
            ends = [row["interval"] or (row["value"], row["value"]) for row in here]
            if here:
                found.append({
                    "name": ", ".join(filter(None, (name, WEIGHTS if seed is None else f"training seed {seed}"))),
                    "mode": mode,
                    "x": [places[row["arm"]] for row in here],
                    "y": [row["value"] for row in here],
                    "text": [row["arm"] for row in here],
                    "error_y": {
                        "type": "data",
                        "symmetric": False,
                        "array": [hi - row["value"] for row, (_, hi) in zip(here, ends, strict=True)],
                        "arrayminus": [row["value"] - lo for row, (lo, _) in zip(here, ends, strict=True)],
                    },
                })  # fmt: skip
    return found
