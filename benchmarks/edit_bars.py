"""Holds `jova-edit` against the bars that were set for it before any of its rows was seen.

python benchmarks/edit_bars.py edits.json        (jova-bench report RUN --format json, of the suite embedded-edits)

The models are `jova-edit`; `real`, which is what a perfect edit could be; and `unedited`, the clip as it was given.
Bars are for each kind of edit, that is for 24 prompts. `bars.py` says what "met" means.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bars import JUDGES, Bar, judge_of
from stored import print_of

WRITER_DB = 39.0
"""Least PSNR of what is kept, dB: four drawn clips written again as they are had 39.5 to 42.6."""


def bars(board: Mapping[str, Any]) -> list[Bar]:
    """Returns all bars of a leaderboard (`report --format json`) with the models jova-edit, real and unedited."""
    found = {
        (row["slice"], row["model"], row["metric"], judge): row
        for row in board["records"]
        for judge in JUDGES
        if judge_of(row) in (judge, None)
    }

    def row_of(kind: str, model: str, metric: str, judge: str) -> Mapping[str, Any]:
        row: Mapping[str, Any] = found[f"edit={kind}", model, metric, judge]
        return row

    def plain(kind: str, metric: str, least: bool, bar: float, judge: str = "a") -> Bar:
        row = row_of(kind, "jova-edit", metric, judge)
        name = f"{kind}: {metric}, judge {judge}" if judge_of(row) else f"{kind}: {metric}"
        return Bar(name, row["value"], row["ci"], least, bar)

    def share(kind: str, judge: str) -> Bar:
        floor, top = (row_of(kind, model, "lse_c", judge)["value"] for model in ("unedited", "real"))
        row = row_of(kind, "jova-edit", "lse_c", judge)
        value, *ends = ((one - floor) / (top - floor) for one in (row["value"], *row["ci"]))
        name = f"{kind}: LSE-C, (jova-edit - unedited) / (real - unedited), judge {judge}"
        return Bar(name, value, (ends[0], ends[1]), True, 0.6)

    new = row_of("speech", "unedited", "wer_new", "a")["value"]
    rows = [plain("speech", "wer_new", False, new / 2), plain("sound", "wer", False, 0.5)]
    for judge in JUDGES:
        rows += [share("mouth", judge), share("picture", judge)]
        for kind, least in (("speech", 0.8), ("mouth", 0.8), ("picture", 0.8), ("sound", 0.6)):
            rows.append(plain(kind, "sync_within_1", True, least, judge))
    for kind, metric in (("picture", "prompt_hair"), ("picture", "prompt_background"), ("sound", "prompt_voice")):
        rows.append(plain(kind, metric, True, row_of(kind, "real", metric, "a")["value"] - 0.1))
    rows += [plain(kind, "kept_audio", True, 1.0) for kind in ("speech", "mouth", "picture")]
    rows += [plain(kind, "kept_psnr", True, WRITER_DB) for kind in ("speech", "mouth", "sound")]
    return rows


def table_of(board: Mapping[str, Any]) -> str:
    """Formats the bars of a leaderboard as Markdown."""
    rows = [
        "| measure | jova-edit | 95 % interval | bar | |",
        "|---|---|---|---|---|",
        *(bar.row() for bar in bars(board)),
    ]
    return "".join(f"{row}\n" for row in rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("leaderboard", type=Path, help="leaderboard as JSON")
    print_of(parser.parse_args(arguments).leaderboard, table_of, parser)


if __name__ == "__main__":
    main()
