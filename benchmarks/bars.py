"""Holds JoVA and the controls of a leaderboard against the bars that the shipped model is to meet.

python benchmarks/bars.py results/leaderboard.json

A bar is met by the mean, or also by the whole 95 % interval over prompts. For a ratio the interval of its numerator's
model is carried through while the other models stay at their means: only estimates are committed, not clips' scores.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stored import print_of

from jova_bench.identity import Identity

JUDGES = ("a", "b")


class Bar(NamedTuple):
    """A measure, and what it is to reach."""

    name: str
    value: float
    interval: tuple[float, float] | None
    """95 % over prompts; None where there is none."""
    least: bool
    """The bar is the least that is wanted, not the most."""
    bar: float

    @property
    def verdict(self) -> str:
        """Returns whether the mean and the interval meet the bar."""
        if not self._meets(self.value):
            return "**not met**"
        if self.interval is None:
            return "met (no interval)"
        return "met" if all(map(self._meets, self.interval)) else "met by the mean alone"

    def row(self) -> str:
        """Formats a row of the table."""
        interval = "" if self.interval is None else f"[{self.interval[0]:.3f}, {self.interval[1]:.3f}]"
        sign = ">=" if self.least else "<="
        return f"| {self.name} | {self.value:.3f} | {interval} | {sign} {self.bar:.3f} | {self.verdict} |"

    def _meets(self, value: float) -> bool:
        return value >= self.bar if self.least else value <= self.bar


def judge_of(row: Mapping[str, Any]) -> str | None:
    """Returns which of the embedded SyncNets measured; None for other evaluators."""
    network, _, letter = Identity.parse(row["identity"]).backend.rpartition("-")
    return letter if network == "syncnet" else None


def bars(board: Mapping[str, Any]) -> list[Bar]:
    """Returns all bars of a leaderboard (`report --format json`) with the models jova, real, codec and shuffled."""
    found = {
        (row["model"], row["metric"], judge): row
        for row in board["records"]
        for judge in JUDGES
        if row["slice"] is None and judge_of(row) in (judge, None)
    }

    def of(model: str, metric: str, judge: str = "a") -> float:
        value = found[model, metric, judge]["value"]
        return math.nan if value is None else float(value)

    def plain(name: str, metric: str, least: bool, bar: float, judge: str = "a") -> Bar:
        return Bar(name, of("jova", metric, judge), found["jova", metric, judge]["ci"], least, bar)

    def ratio(name: str, top: str, metric: str, scaled: Callable[[float], float], bar: float, judge: str = "a") -> Bar:
        ci = found[top, metric, judge]["ci"]
        interval = None if ci is None else (scaled(ci[0]), scaled(ci[1]))
        return Bar(name, scaled(of(top, metric, judge)), interval, True, bar)

    def share(top: str, bottom: str, judge: str, bar: float) -> Bar:
        floor = of("shuffled", "lse_c", judge)
        width = of(bottom, "lse_c", judge) - floor
        name = f"LSE-C, ({top} - shuffled) / ({bottom} - shuffled), judge {judge}"
        return ratio(name, top, "lse_c", lambda value: (value - floor) / width, bar, judge)

    wer = f"WER (real {of('real', 'wer'):.3f}, codec {of('codec', 'wer'):.3f})"
    rows = [plain(wer, "wer", False, max(0.06, of("real", "wer") + 0.03))]
    for judge in JUDGES:
        rows += [
            plain(f"sync_within_1, judge {judge}", "sync_within_1", True, 0.98, judge),
            share("jova", "codec", judge, 0.8),
            share("codec", "real", judge, 0.85),
        ]
    codec = of("codec", "mouth_audio_corr")
    rows.append(ratio("mouth_audio_corr, jova / codec", "jova", "mouth_audio_corr", lambda value: value / codec, 0.9))
    for name in ("prompt_hair", "prompt_background", "prompt_voice"):
        rows.append(plain(f"{name} (real {of('real', name):.3f})", name, True, of("real", name) - 0.02))
    (factor,) = (cost["real_time_factor"] for cost in board["cost"] if cost["model"] == "jova")
    return [*rows, Bar("real-time factor", float(factor), None, False, 1.0)]


def table_of(board: Mapping[str, Any]) -> str:
    """Formats the bars of a leaderboard as Markdown."""
    rows = ["| measure | JoVA | 95 % interval | bar | |", "|---|---|---|---|---|", *(bar.row() for bar in bars(board))]
    return "".join(f"{row}\n" for row in rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("leaderboard", type=Path, help="leaderboard as JSON")
    print_of(parser.parse_args(arguments).leaderboard, table_of, parser)


if __name__ == "__main__":
    main()
