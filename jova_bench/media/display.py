"""Displays decoded frames as players and ffmpeg do: with square pixels, rotated and mirrored as the file states.

Evaluators are trained on upright faces with square pixels, and the file's author saw it that way.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av

SQUARE = Fraction(1, 100)
"""Pixel aspects within this of 1 come from a rounded width (853 for 16:9 of 480) and need no rescaling."""
OBLIQUE = 0.0175
"""Tangent of one degree, by which a matrix may miss a quarter turn, as in ffmpeg."""

Matrix = npt.NDArray[np.int32]
UPRIGHT: Matrix = np.array([[1, 0], [0, 1]], np.int32)
LEFT: Matrix = np.array([[0, -1], [1, 0]], np.int32)
TURNS = (UPRIGHT, LEFT, -UPRIGHT, -LEFT)
"""Matrices of quarter turns to the left, by their number."""


def size_shown(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Computes the size with square pixels: the side with fewer pixels is enlarged, so that none are lost.

    Args:
        width: width of the stored frame.
        height: height of the stored frame.
        aspect: width of a pixel over its height; None or 0 is unknown and counts as square.

    Returns:
        Width and height.
    """
    if not aspect or aspect < 0 or abs(aspect - 1) < SQUARE:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def matrix_of(frame: av.VideoFrame) -> Matrix:
    """Reads the display matrix of a frame: row 0 is the (x, y) image of a step to the right, row 1 of a step down."""
    from av.sidedata.sidedata import Type

    try:
        beside: Any = frame.side_data  # Its keys are types, though it is typed as a mapping of strings.
        stated = beside.get(Type.DISPLAYMATRIX)
    except ValueError:
        # FFmpeg 8 puts Exif beside photos, a type that PyAV 18 does not know: the turn can be asked for, no mirroring.
        return TURNS[round(frame.rotation / 90) % 4]
    # Nine numbers [a b u; c d v; x y w]: what is at (p, q) is shown at (a p + c q + x, b p + d q + y).
    return UPRIGHT if stated is None else np.frombuffer(bytes(stated), np.int32).reshape(3, 3)[:2, :2]


def upright(image: npt.NDArray[np.uint8], matrix: Matrix) -> npt.NDArray[np.uint8]:
    """Rotates and mirrors (H, W, 3) by the nearest of the eight ways that keep pixels whole. Returns a view."""
    if _lies(matrix):
        image, right, down = image.swapaxes(0, 1), matrix[1, 0], matrix[0, 1]
    else:
        right, down = matrix[0, 0], matrix[1, 1]
    image = image[:, ::-1] if right < 0 else image
    return image[::-1] if down < 0 else image


def oblique_degrees(matrix: Matrix) -> float:
    """Returns by how many degrees a matrix misses the nearest quarter turn; 0 below one degree."""
    main, rest = (matrix[:, ::-1], matrix) if _lies(matrix) else (matrix, matrix[:, ::-1])
    tangent = float(np.abs(np.diag(rest).astype(float)).max() / max(np.abs(np.diag(main).astype(float)).max(), 1))
    return float(np.degrees(np.arctan(tangent))) if tangent > OBLIQUE else 0.0


def _lies(matrix: Matrix) -> bool:
    """Returns whether rows become columns."""
    across = np.abs(matrix.astype(np.int64))
    return bool(across[0, 1] + across[1, 0] > across[0, 0] + across[1, 1])
