"""Makes a split of the procedural corpus as a folder dataset.

    python -m jova.data --split train --count 8000 --out DIR

Run it again to resume, or with a larger --count to add clips.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from jova.data import missing_packages


def main() -> int:
    """Parses the command line and makes the clips; returns the exit code."""
    if missing := missing_packages():
        print(f"jova.data: {missing}", file=sys.stderr)
        return 2
    from jova.data.corpus import SPLITS
    from jova.data.split import make_split

    parser = argparse.ArgumentParser(
        prog="python -m jova.data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--count", type=int, required=True, help="number of clips of the split")
    parser.add_argument("--out", type=Path, required=True, help="folder of the dataset")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if arguments.count < 1 or arguments.workers < 1:
        parser.error(f"expected at least one clip and one worker, got {arguments.count} and {arguments.workers}")
    try:
        make_split(arguments.split, arguments.count, arguments.out, arguments.workers)
    except OSError as error:
        print(f"jova.data: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
