"""Reads a stored result and prints what a script makes of it, or refuses the file in one line: for other scripts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.files.reading import read_json


def print_of(path: Path, made: Callable[[Any], str], parser: argparse.ArgumentParser, first: str | None = None) -> None:
    """Prints what is made of a JSON file; ends with 2 if it is missing or another.

    Args:
        path: of the file.
        made: makes the text of what is in the file.
        parser: of the script.
        first: model that the file must begin with; scripts that measure write files of one form.
    """
    try:
        stored = read_json(path)
        if first is not None and (got := stored["values"][0]["model"]) != first:
            parser.error(f"{path}: expected results that begin with {first}, got {got}: another script made them")
        text = made(stored)
    except BenchError as error:
        parser.error(str(error))
    # Whatever is not as this program, or the one that it names, writes it ends in one of these.
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        parser.error(f"{path}: expected what the help of this script says, got {type(error).__name__}: {error}")
    print(text, end="")
