"""Measures the cost of resuming a complete run, by rows, and of verifying that clips are the recorded ones.

    OMP_NUM_THREADS=1 python benchmarks/resuming.py > results/benchmarks/resuming.md

Run folders are made up as in `compare.py`: two models, 18 metrics of clips and 4 of sets, no clips. Timed is `fill`,
which reads all records and the kept features of every clip and finds that nothing is missing. Hashed are copies of one
drawn clip. Processor time, the smallest of three; takes about a minute of an idle core.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from math import log
from pathlib import Path

from compare import write

from jova_bench.cache import DiskCache
from jova_bench.digests import file_digest
from jova_bench.execution.base import Local, LocalContext
from jova_bench.execution.placement import ScoringWorkers
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.progress import Quiet
from jova_bench.prompts import Prompt
from jova_bench.runs.score_table import fill
from jova_bench.runs.store import FEATURES, MANIFEST, RunStore
from jova_bench.suites.loading import Suite, load_suite

PROMPTS = (250, 2500)
CLIPS = 1000


def seconds(work: Callable[[], object]) -> float:
    """Processor time, the smallest of three."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def resumed(folder: Path) -> int:
    """Fills a full grid; returns its rows and features."""
    prompts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["prompts"]
    asked = tuple(Prompt.model_validate(prompt) for prompt in prompts)
    suite, cache = Suite("made", asked, folder, "digest", "embedded", None, "embedded"), DiskCache(folder / FEATURES)
    context = MetricContext(cache)
    metrics = [one for one in build(None, "embedded", context) if one.spec.name not in ("pesq", "stoi")]

    def nothing(*_: object) -> ScoringWorkers:
        return ScoringWorkers(Local(LocalContext("cpu")), 0)

    with RunStore(folder) as store:
        grid = fill(store, suite, metrics, cache, lambda place: (metrics, cache), nothing, context.assets, Quiet())
    return len(grid.rows) + len(grid.sets)


def main() -> None:
    print("# Resuming\n")
    print("Made by `benchmarks/resuming.py`: a run with nothing missing is read; processor time, one thread.\n")
    print("| prompts | rows and kept features | s |")
    print("|---|---|---|")
    taken = []
    with tempfile.TemporaryDirectory() as scratch:
        for prompts in PROMPTS:
            folder = Path(scratch) / str(prompts)
            write(folder, 2, prompts, seed=65)
            taken.append(seconds(partial(resumed, folder)))
            print(f"| {prompts:,} | {resumed(folder):,} | {taken[-1]:.2f} |", flush=True)
        exponent = log(taken[-1] / taken[0]) / log(PROMPTS[-1] / PROMPTS[0])
        print(f"\nThe time grows with the number of rows to the power of {exponent:.2f}.")
        suite = load_suite("embedded")
        source = suite.path(next(prompt.reference for prompt in suite.prompts if prompt.reference))
        clips = [Path(scratch) / f"{number}.mp4" for number in range(CLIPS)]
        for clip in clips:
            shutil.copy(source, clip)
        size = sum(clip.stat().st_size for clip in clips) / 1e6
        hashed = seconds(lambda: [file_digest(clip) for clip in clips])
        print(
            f"To find that {CLIPS:,} clips of {size:.0f} MB together are the recorded ones takes {hashed:.2f} s more."
        )


if __name__ == "__main__":
    main()
