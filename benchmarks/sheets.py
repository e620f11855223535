"""Writes rows of pictures as one PNG file, or refuses in one line: for other scripts."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from jova_bench.errors import BenchError
from jova_bench.files.writing import check_writable


def write_sheet(
    path: Path, drawn: Callable[[], Sequence[npt.NDArray[np.uint8]]], parser: argparse.ArgumentParser
) -> None:
    """Writes the rows that `drawn` returns, (H, W, 3) RGB of one W; ends with 2 if it raises a BenchError.

    Args:
        path: of the file, in a folder that is there.
        drawn: called once it is known that the file can be written.
        parser: of the script.
    """
    if path.suffix != ".png" or not path.parent.is_dir():
        parser.error(f"expected a name that ends in .png in a folder that is there as --out, got {path}")
    try:
        check_writable(path.parent)
        rows = drawn()
    except BenchError as error:
        parser.error(str(error))
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])
