"""Draws the picture of a sweep from its JSON: `python -m jova_bench.sweep.picture NAME.json --out NAME.svg`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.report.curves import curves
from jova_bench.report.sweeps import read_record
from jova_bench.report.texts import write_texts


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the picture of a file; a picture that was there stays where the new one cannot be made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="JSON file that a sweep wrote")
    parser.add_argument("--out", type=Path, required=True, help="SVG file to write")
    given = parser.parse_args(arguments)
    try:
        write_texts(given.out.parent, {given.out.name: curves(read_record(given.path))})
    except BenchError as error:
        parser.error(str(error))
    # Whatever is not as a sweep writes it ends in one of these.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        parser.error(f"{given.path}: expected a sweep's results, got {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
