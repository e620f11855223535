"""Writes a JoVA that begins with the weights of a public text-to-video model.

python -m jova.warm_start FOLDER --size base --out model.safetensors
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jova.reading_flags import at_least
from jova.sizes import SIZES
from jova.warm_start.begin import begin


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `python -m jova.warm_start`; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m jova.warm_start", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="transformer or pipeline that diffusers saved: CogVideoX or Wan")
    parser.add_argument("--size", choices=SIZES, default="base", help="length and size of clips (default: %(default)s)")
    parser.add_argument(
        "--separate-blocks",
        type=at_least(0),
        default=0,
        help="first blocks whose groups do not share weights, of CogVideoX alone (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    arguments = parser.parse_args(argv)
    try:
        found = begin(arguments.folder, SIZES[arguments.size], arguments.separate_blocks)
        found.model.save(arguments.out)
    except (FileNotFoundError, ValueError) as error:
        print(f"jova.warm_start: {error}", file=sys.stderr)
        return 2
    count = sum(p.numel() for p in found.model.parameters())
    print(f"{arguments.out}: {count / 1e6:,.1f} million parameters")
    print(f"without counterpart: {', '.join(found.fresh)}")
    print(f"left behind: {', '.join(found.left) or 'nothing'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
