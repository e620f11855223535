"""Reads a stored result and prints what a script makes of it, or refuses the file in one line: for other scripts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.files.reading import read_json


def print_of(path: Path, made: Callable[[Any], str], parser: argparse.ArgumentParser) -> None:
    """Prints what is made of a JSON file; ends with 2 if it is missing or another."""
    try:
        text = made(read_json(path))
    except BenchError as error:
        parser.error(str(error))
    # Whatever is not as this program, or the one that it names, writes it ends in one of these.
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        parser.error(f"{path}: expected what the help of this script says, got {type(error).__name__}: {error}")
    print(text, end="")
