"""Runs `jova-bench` as `python -m jova_bench`, where Python imports from the current folder first."""

import sys
from pathlib import Path

if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]  # It may have folders called baselines or jova, which are not ours.

from jova_bench.cli import entry

if __name__ == "__main__":
    entry()
