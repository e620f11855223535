"""Reads the values of flags; argparse reports their errors."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """Returns a function that reads a whole number from `least` on, below 2^63; argparse reports its error."""

    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,18}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} on, got {text!r}")
        return int(text)

    return read


def finite(text: str) -> float:
    """Reads a finite number; argparse reports the error."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}")
    return number


def device(text: str) -> str:
    """Reads the name of a device; argparse reports the error."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"expected cpu, cuda or cuda:i, got {text!r}")
    return text


def box(text: str) -> list[float]:
    """Reads "X0,Y0,X1,Y1"; argparse reports the error."""
    try:
        sides = [float(side) for side in text.split(",")]
    except ValueError:
        sides = []
    if len(sides) != 4 or not all(map(math.isfinite, sides)) or sides[0] >= sides[2] or sides[1] >= sides[3]:
        raise argparse.ArgumentTypeError(f"expected X0,Y0,X1,Y1 with X0 below X1 and Y0 below Y1, got {text!r}")
    return sides
