"""`python -m jova_bench` is `jova-bench`: Python then looks first where the user stands, and the command does not."""

import sys
from pathlib import Path

if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]  # It may have folders called baselines or jova, which are not ours.

from jova_bench.cli import entry

if __name__ == "__main__":
    entry()
