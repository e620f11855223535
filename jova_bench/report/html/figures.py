"""Prepares the curves of a sweep for the page: positions of arms, and a point with interval per training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.files.reading import read_json
from jova_bench.identity import Identity
from jova_bench.metrics.labels import ARROWS, labelled

ABOUT = "Intervals are over prompts: they speak of these checkpoints. Dotted lines are controls."


def read_sweep(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Reads the figures of a file that a sweep wrote.

    Raises:
        BenchError: the file is missing, or no such file.
    """
    record = read_json(path)
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
        `title`, `about`, `x`, `y`, `categories` (arms in order), `traces` (one per training seed), `levels` (controls).
    """
    axis = _axis(record)
    directions = {one["identity"]: one["direction"] for one in record["metrics"]}
    found = []
    for label in labelled(Identity.parse(one["identity"]) for one in record["metrics"]):
        rows = [row for row in record["values"] if row["identity"] == label.identity and row["value"] is not None]
        arms = [row for row in rows if not row["control"]]
        seeds = list(dict.fromkeys(row["training_seed"] for row in arms))
        if arms:
            found.append({
                "title": f"{record['sweep']}: {label.text}",
                "about": ABOUT,
                "x": axis.title,
                "y": f"{label.text} {ARROWS[directions[label.identity]]}",
                "categories": list(axis.labels.values()),
                "traces": [_trace(seed, [row for row in arms if row["training_seed"] == seed], axis) for seed in seeds],
                "levels": [{"name": row["arm"], "value": row["value"]} for row in rows if row["control"]],
            })  # fmt: skip
    return found


@dataclass(frozen=True)
class _Axis:
    """Holds the positions of the arms of a sweep."""

    title: str
    labels: Mapping[str, str]
    """Tick labels by arm, in order."""
    joined: int
    """Number of leading arms that differ in one number alone, which a line joins."""


def _trace(seed: int | None, rows: Sequence[Mapping[str, Any]], axis: _Axis) -> dict[str, Any]:
    order = list(axis.labels)
    rows = sorted(rows, key=lambda row: order.index(row["arm"]))
    points: list[tuple[str, float | None, float, float]] = []
    for row in rows:
        if points and order.index(row["arm"]) >= axis.joined:
            # A point without a value breaks the line.
            points.append((axis.labels[row["arm"]], None, 0.0, 0.0))
        lo, hi = row["interval"] or (row["value"], row["value"])
        points.append((axis.labels[row["arm"]], row["value"], row["value"] - lo, hi - row["value"]))
    x, y, below, above = (list(column) for column in zip(*points, strict=True))
    return {
        "name": "shipped weights" if seed is None else f"training seed {seed}",
        "mode": "lines+markers" if axis.joined else "markers",
        "x": x,
        "y": y,
        "error_y": {"type": "data", "symmetric": False, "array": above, "arrayminus": below},
    }


def _axis(record: Mapping[str, Any]) -> _Axis:
    """Orders arms by the only numeric factor, where there is one; the others follow."""
    arms: dict[str, Mapping[str, Any]] = {one["arm"]: one["changed"] for one in record["arms"]}
    base: Mapping[str, Any] = record["base"]
    factors = list(dict.fromkeys(name for changed in arms.values() for name in changed))
    numbers = [name for name in factors if type(base[name]) in (int, float)]
    if len(numbers) != 1:
        only = f"{factors[0]}={base[factors[0]]}" if len(factors) == 1 else ""
        return _Axis("arm", {arm: arm if changed or not only else only for arm, changed in arms.items()}, 0)
    (factor,) = numbers
    line = [arm for arm, changed in arms.items() if set(changed) <= {factor}]
    line.sort(key=lambda arm: float(arms[arm].get(factor, base[factor])))
    labels = {arm: f"{arms[arm].get(factor, base[factor]):g}" for arm in line}
    others = {arm: arm for arm in arms if arm not in labels}
    return _Axis(f"{factor}, other arms" if others else factor, labels | others, len(line))
