"""Holds a run of JoVA and the controls against the bars that the shipped model is to meet.

python benchmarks/bars.py runs/embedded-0a1b2c3d > results/bars.md
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from jova_bench.runs.store import read_run

JUDGES = ("a", "b")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder with the models jova, real, codec and shuffled")
    run = read_run(parser.parse_args().run)
    assert run.summary is not None
    values = {
        (e.model, e.metric, judge): e.value
        for e in run.summary.estimates
        for judge in JUDGES
        if "syncnet-" not in e.identity or f"syncnet-{judge}" in e.identity
    }
    factor = {c.model: c.real_time_factor for c in run.summary.cost}["jova"]

    def of(model: str, metric: str, judge: str = "a") -> float:
        value = values[model, metric, judge]
        return math.nan if value is None else value

    def span(top: str, bottom: str, judge: str) -> float:
        floor = of("shuffled", "lse_c", judge)
        return (of(bottom, "lse_c", judge) - floor) / (of(top, "lse_c", judge) - floor)

    wer_bar = max(0.06, of("real", "wer") + 0.03)
    rows = [(f"WER (real {of('real', 'wer'):.3f}, codec {of('codec', 'wer'):.3f})", of("jova", "wer"), "<=", wer_bar)]
    for judge in JUDGES:
        rows += [
            (f"sync_within_1, judge {judge}", of("jova", "sync_within_1", judge), ">=", 0.98),
            (f"LSE-C, (jova - shuffled) / (codec - shuffled), judge {judge}", span("codec", "jova", judge), ">=", 0.8),
            (f"LSE-C, (codec - shuffled) / (real - shuffled), judge {judge}", span("real", "codec", judge), ">=", 0.85),
        ]
    corr = of("jova", "mouth_audio_corr") / of("codec", "mouth_audio_corr")
    rows.append(("mouth_audio_corr, jova / codec", corr, ">=", 0.9))
    for name in ("prompt_hair", "prompt_background", "prompt_voice"):
        rows.append((f"{name} (real {of('real', name):.3f})", of("jova", name), ">=", of("real", name) - 0.02))
    rows.append(("real-time factor", math.nan if factor is None else factor, "<=", 1.0))
    print("| measure | JoVA | bar | |")
    print("|---|---|---|---|")
    for name, value, sign, bar in rows:
        met = value <= bar if sign == "<=" else value >= bar
        print(f"| {name} | {value:.3f} | {sign} {bar:.3f} | {'met' if met else '**not met**'} |")


if __name__ == "__main__":
    main()
