"""Prepares a sweep for the page: positions of arms, a point with interval per training, and verdicts on the arms."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.formatting.text import difference_text, range_text, setting_text
from jova_bench.identity import Identity
from jova_bench.metrics.labels import ARROWS, labelled
from jova_bench.report.arms import Arms, placed
from jova_bench.report.sweeps import read_record

ABOUT = (
    "Intervals are over prompts: they speak of these checkpoints. Dotted lines are controls. Verdicts compare an arm "
    "with the base, training by training, over the same prompts (paired, Holm over metrics)."
)
WEIGHTS = "shipped weights"


def read_sweep(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what the page shows of a file that a sweep wrote: `name`, `description`, `about`, `figures`.

    Raises:
        BenchError: the file is missing, or no such file.
    """
    record = read_record(path)
    try:
        return {
            "name": record["sweep"],
            "description": record["description"],
            "about": f"{ABOUT} The base: {_base(record)}.",
            # What tells something comes first.
            "figures": sorted(sweep_curves(record), key=lambda figure: not figure["tells"]),
        }
    # It is data for a plot alone; whatever is not as a sweep writes it ends in one of these.
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise BenchError(f"{path}: expected a sweep's results, got {type(error).__name__}: {error}") from error


def sweep_curves(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns one figure per metric identity.

    Args:
        record: of a sweep: `sweep` (its name), `metrics` (`metric`, `identity`, `direction`), `values` (`arm`,
            `control`, `training_seed`, `metric`, `identity`, `value`, `interval`), `arms` (`arm`, `changed`), `base`
            (settings) and `claims` (`arm`, `identity`, `verdict`, `text`, differences).

    Returns:
        `title`, `x`, `y`, `range` (of x), `ticks` (place and label), `traces` (Plotly's, with places of colour and
        symbol), `levels` (controls), `verdicts` (arm, difference, text, and the verdict), `tells` (whether an arm is
        better or worse).
    """
    arms = placed(record)
    places = dict(arms.places)
    # Arms apart stand behind the numbers, in distances of their own: their labels are longer.
    first, last = (min(places.values()), max(places.values())) if places else (0.0, -1.0)
    step, apart = ((last - first) / (len(set(places.values())) - 1), 0.4 * (last - first)) if places else (1.0, 1.0)
    places |= {arm: last + apart * count for count, arm in enumerate(arms.apart, 1)}
    ends = [
        first - step / 2,
        max(places.values(), default=0.0) + (0.8 * apart if arms.apart and arms.lines else step / 2),
    ]
    ticks = {
        arms.places[arm]: setting_text(value) for arm, value in sorted(arms.values.items(), key=lambda one: one[1])
    }
    ticks |= {places[arm]: label for arm, label in arms.apart.items()}
    directions = {one["identity"]: one["direction"] for one in record["metrics"]}
    found = []
    for label in labelled(Identity.parse(one["identity"]) for one in record["metrics"]):
        rows = [row for row in record["values"] if row["identity"] == label.identity and row["value"] is not None]
        verdicts = [_verdict(one) for one in record["claims"] if one["identity"] == label.identity]
        if measured := [row for row in rows if not row["control"]]:
            found.append({
                "title": label.text,
                "x": f"{arms.axis}, other arms" if arms.lines and arms.apart else arms.axis or "arm",
                "y": f"{label.text} {ARROWS[directions[label.identity]]}",
                "range": ends,
                "ticks": [[place, label] for place, label in ticks.items()],
                "traces": _traces(measured, arms, places),
                "levels": [{"name": row["arm"], "value": row["value"]} for row in rows if row["control"]],
                "verdicts": verdicts,
                "tells": any(one["text"].startswith(("better", "worse")) for one in verdicts),
            })  # fmt: skip
    return found


def _verdict(claim: Mapping[str, Any]) -> dict[str, str]:
    """Returns the arm, its difference from the base, the verdict's text, and the verdict."""
    test, ends = claim["over_trainings"], (claim["least_difference"], claim["greatest_difference"])
    if test is not None:
        difference = difference_text(test["delta"], tuple(test["ci"]))
    else:
        difference = "" if None in ends else range_text(*ends)
    difference = difference.replace("-", "\N{MINUS SIGN}")
    return {"arm": claim["arm"], "difference": difference, "text": claim["text"], "verdict": claim["verdict"]}


def _base(record: Mapping[str, Any]) -> str:
    """Formats the base's values of the settings in which arms differ."""
    factors = dict.fromkeys(name for one in record["arms"] for name in one["changed"])
    return ", ".join(f"{name}={setting_text(record['base'][name])}" for name in factors)


def _traces(rows: Sequence[Mapping[str, Any]], arms: Arms, places: Mapping[str, float]) -> list[dict[str, Any]]:
    """Returns a trace for each line and training seed, then one for the arms apart and each seed.

    Arms apart from a single line have its names: a training seed is one thing on a page.
    """
    rows = sorted(rows, key=lambda row: places[row["arm"]])
    seeds = dict.fromkeys(row["training_seed"] for row in rows)
    series = [(name if len(arms.lines) > 1 else "", line, "lines+markers") for name, line in arms.lines.items()]
    series.append(("other arms" if len(arms.lines) > 1 else "", tuple(arms.apart), "markers"))
    found = []
    for number, (name, members, mode) in enumerate(series):
        for place, seed in enumerate(seeds):
            here = [row for row in rows if row["arm"] in members and row["training_seed"] == seed]
            ends = [row["interval"] or (row["value"], row["value"]) for row in here]
            if here:
                found.append({
                    "name": ", ".join(filter(None, (name, WEIGHTS if seed is None else f"training seed {seed}"))),
                    "mode": mode,
                    # Lines differ in colour, and their seeds in symbols; the seeds of a single line in both.
                    "colour": number if len(arms.lines) > 1 else place,
                    "symbol": place,
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
