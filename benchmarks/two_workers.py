"""Measures two scoring processes on clips that share their audio, two checkouts side by side.

    OMP_NUM_THREADS=1 python benchmarks/two_workers.py --before OTHER_CHECKOUT > results/benchmarks/two-workers.md

`still` shows a picture and has the sound of `real`: whatever hears it needs to do so once. Processor time of a run of
both and of its workers, start to end, the checkouts in turn. Takes about three minutes of two idle cores.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[1]
COMMAND = "run --model real --model still --limit 16 --workers 2 --device cpu --out"


def seconds(checkout: Path) -> float:
    """Processor time of one run in a new folder."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jova_bench", *COMMAND.split(), str(Path(folder) / "run")]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, action="append", default=[], help="another checkout; may be repeated")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    checkouts = [*options.before, HERE]
    print("# Two workers and shared sound\n")
    print(f"Made by `benchmarks/two_workers.py`: `jova-bench {COMMAND} RUN`, processor seconds of all its processes.\n")
    print(f"| round | {' | '.join(path.name for path in options.before)} | now |")
    print("|---" * (len(checkouts) + 1) + "|")
    for number in range(options.rounds):
        print(f"| {number + 1} | {' | '.join(f'{seconds(checkout):.1f}' for checkout in checkouts)} |", flush=True)


if __name__ == "__main__":
    main()
