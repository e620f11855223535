"""Compares the same command on another kind of processor: the committed leaderboard against a run of the suite.

    python benchmarks/processors.py RUN > docs/processors.md

RUN is the folder of a run of the whole embedded suite (`make run`) on the other processor. Only rows that both have,
under one identity, are compared.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LEADERBOARD = Path(__file__).parents[1] / "results" / "leaderboard.json"
ROUNDING = 1e-5
"""Relative; what float32 leaves of a difference of kernels is no less."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN")
    run = parser.parse_args().run
    committed = json.loads(LEADERBOARD.read_text())
    manifest, summary = (json.loads((run / name).read_text()) for name in ("manifest.json", "summary.json"))
    if committed["about"]["suite_digest"] != manifest["suite_digest"]:
        raise SystemExit(f"expected a run of the suite of {LEADERBOARD.name}, got {manifest['suite']} in {run}")
    here = rows(summary["estimates"])
    both = [(there, here[key]) for key, there in rows(committed["records"]).items() if key in here]
    differing = [(there, other) for there, other in both if there["value"] != other["value"]]
    moved = [(there, other) for there, other in differing if not near(there, other)]
    if outside := [there for there, other in moved if not inside(there, other["value"])]:
        raise SystemExit(f"expected every value inside the committed interval, got {outside}")
    names = " and ".join(committed["about"]["device_name"]), manifest["provenance"][-1]["device_name"]
    print(text(names, (len(both), len(differing)), moved))


def rows(estimates: list[Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Values over all prompts, by model and identity."""
    return {
        (row["model"], row["identity"]): row for row in estimates if row["slice"] is None and row["value"] is not None
    }


def near(there: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two values differ by float32's rounding alone."""
    return bool(abs(other["value"] - there["value"]) <= ROUNDING * max(abs(there["value"]), 1e-3))


def inside(row: Mapping[str, Any], value: float) -> bool:
    """Whether the committed interval holds a value."""
    lo, hi = row["ci"] or (row["value"], row["value"])
    return bool(lo <= value <= hi)


def text(names: tuple[str, str], counts: tuple[int, int], moved: list[tuple[Mapping[str, Any], Any]]) -> str:
    per_model = Counter(there["model"] for there, _ in moved)
    lines = [
        "# The same command on another processor",
        "",
        "A run gives the same bits again on the same kind of processor with the same versions of packages. Another "
        "kind sums in another order and rounds otherwise: evaluators answer with other last digits, and a model that "
        "samples carries them through its steps until a pixel or a word comes out otherwise.",
        "",
        f"The committed leaderboard was made on {names[0]}. A run of the same suite on {names[1]} has {counts[0]} of "
        f"its values: {counts[1]} are not the same bits, {len(moved)} differ by more than rounding (relative "
        f"{ROUNDING:g}), and all of those lie inside the committed 95 % interval. By model: "
        + ", ".join(f"{model} {count}" for model, count in per_model.items())
        + ". Controls whose clips no network makes differ by rounding alone.",
        "",
        f"| Model | Metric | {names[0]} | 95 % interval | {names[1]} | Difference, in half-widths of the interval |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for there, other in moved:
        lo, hi = there["ci"]
        share = abs(other["value"] - there["value"]) / ((hi - lo) / 2)
        lines.append(
            f"| {there['model']} | {there['label']} | {there['value']:.6g} | [{lo:.4g}, {hi:.4g}] "
            f"| {other['value']:.6g} | {share:.2g} |"
        )
    lines += [
        "",
        "So compare models that were run on one kind of processor. A gate's paired tests pass on another kind, too, "
        "but not by equality. `python benchmarks/processors.py RUN` makes this page.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
