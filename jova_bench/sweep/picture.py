"""Draws the picture of a sweep from its JSON: `python -m jova_bench.sweep.picture NAME.json > NAME.svg`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.files.reading import read_json
from jova_bench.report.curves import curves


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the picture of a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="JSON file that a sweep wrote")
    path = parser.parse_args(arguments).path
    try:
        sys.stdout.write(curves(read_json(path)))
    except BenchError as error:
        parser.error(str(error))
    # Whatever is not as a sweep writes it ends in one of these.
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        parser.error(f"{path}: expected a sweep's results, got {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
