"""Makes a split of the procedural corpus as a folder dataset.

    python -m jova.data --split train --count 8000 --out DIR

Run it again to resume, or with a larger --count to add clips.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from jova.data import missing_packages
from jova.stopping import stoppable


def main() -> int:
    """Parses the command line and makes the clips; returns the exit code."""
    if missing := missing_packages():
        print(f"jova.data: {missing}", file=sys.stderr)
        return 2
    from jova.data.corpus import SPLITS
    from jova.data.face import SIZE
    from jova.data.split import make_split

    parser = argparse.ArgumentParser(
        prog="python -m jova.data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--count", type=int, required=True, help="number of clips of the split")
    parser.add_argument("--out", type=Path, required=True, help="folder of the dataset")
    parser.add_argument(
        "--size", type=_size, default=SIZE, metavar="HxW", help="height and width of the frames, px (default: 64x64)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if arguments.count < 1 or arguments.workers < 1:
        parser.error(f"expected at least one clip and one worker, got {arguments.count} and {arguments.workers}")
    try:
        make_split(arguments.split, arguments.count, arguments.out, arguments.workers, arguments.size)
    except (OSError, ValueError) as error:
        print(f"jova.data: {error}", file=sys.stderr)
        return 2
    return 0


def _size(text: str) -> tuple[int, int]:
    """Reads "HxW", even sides from 32 to 4096 as H.264 needs them; argparse reports the error."""
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    height, width = (int(side) for side in found.groups()) if found else (0, 0)
    if not all(32 <= side <= 4096 and side % 2 == 0 for side in (height, width)):
        raise argparse.ArgumentTypeError(f"expected two even numbers from 32 to 4096 such as 128x96, got {text!r}")
    return height, width


if __name__ == "__main__":
    sys.exit(stoppable("jova.data", main))
