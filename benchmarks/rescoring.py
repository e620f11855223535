"""Measures the cost of scoring the same clips again, with all features cached.

    OMP_NUM_THREADS=1 taskset -c 1 python benchmarks/rescoring.py FOLDER > results/benchmarks/rescoring.md

Scores are thrown away and asked for again; what networks said of the clips is kept, as it is when metrics, intervals
or tables change. One process and one thread, processor time of `run` and `score` from reading clips to the summary;
imports are done before. FOLDER has clips of people who speak; SyncNet judges them with random weights of the real
size, which cost as much as the real ones. Takes about a minute of an idle core.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from jova_bench import run, score
from jova_bench.assets.records import sha256_of
from jova_bench.metrics.networks.syncnet import SyncNet
from jova_bench.runs.run import Result
from jova_bench.runs.store import SCORES

PROMPTS = 16
STANDARD = ["lse_c@opencv-haar", "lse_d@opencv-haar", "av_align", "dnsmos", "loudness"]
"""Metrics whose weights are bundled or made up here."""


def twice(make: Callable[[], Result]) -> tuple[float, float, Result]:
    """Processor seconds of the first time and of the second, and what the second said."""
    spent = []
    for _ in range(2):
        start = time.process_time()
        result = make()
        spent.append(time.process_time() - start)
        (result.folder / SCORES).unlink()
    return spent[0], spent[1], result


def row(name: str, clips: int, first: float, again: float, result: Result) -> str:
    assert result.summary is not None
    valued = sum(one.slice is None and one.value is not None for one in result.summary.estimates)
    return f"| {name} | {clips} | {valued} | {first:.1f} | {again:.2f} | {again / first:.1%} |"


def random_syncnet(folder: Path) -> Path:
    """A table of assets with a SyncNet of the published size."""
    torch.manual_seed(0)
    net = SyncNet((64, 192, 384, 256, 256, 512), (96, 256, 256, 256, 256, 512), 512, 1024)
    file = folder / "syncnet_v2.model"
    torch.save(net.state_dict(), file)
    table = folder / "assets.toml"
    table.write_text(f'[syncnet]\nfile = "{file}"\nsha256 = "{sha256_of(file)}"\n')
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    clips = parser.parse_args().folder
    count = len(list(clips.glob("*.mp4")))
    print("# Extract once, score many\n")
    print("Made by `benchmarks/rescoring.py`: the same clips twice in one process and one thread, processor time.")
    print("The second time has the scores to compute anew and what networks said of the clips at hand.\n")
    print("| metrics | clips | with a value | first, s | again, s | share |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        embedded = twice(lambda: run(["real"], limit=PROMPTS, device="cpu", out=out / "embedded", workers=0))
        print(row("embedded profile, all", PROMPTS, *embedded), flush=True)
        own = random_syncnet(out)
        standard = twice(
            lambda: score(clips, metrics=STANDARD, device="cpu", out=out / "standard", workers=0, assets=own)
        )
        print(row(f"standard profile: {', '.join(STANDARD)}", count, *standard))


if __name__ == "__main__":
    main()
