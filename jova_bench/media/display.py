"""Shows decoded frames as players and ffmpeg do: with square pixels, turned and mirrored as the file asks.

Judges know faces with square pixels that stand upright, and whoever made the file saw it so.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av

SQUARE = Fraction(1, 100)
"""Pixels that are square but for this come of a rounded width (853 for 16:9 of 480): nothing to rescale for."""
OBLIQUE = 0.0175
"""Tangent of the degree by which a matrix may miss a quarter turn, as ffmpeg allows."""

Matrix = npt.NDArray[np.int32]
UPRIGHT: Matrix = np.array([[1, 0], [0, 1]], np.int32)


def size_shown(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Finds the size with square pixels: the side that is short of pixels gets more, so that none are lost.

    Args:
        width: of the stored frame.
        height: of the stored frame.
        aspect: width of a pixel over its height; None or 0 is not known, which is shown as square.

    Returns:
        Width and height.
    """
    if not aspect or aspect < 0 or abs(aspect - 1) < SQUARE:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def matrix_of(frame: av.VideoFrame) -> Matrix:
    """Reads how a frame is to be turned: row 0 says where (x, y) a step to the right goes, row 1 a step down."""
    from av.sidedata.sidedata import Type

    beside: Any = frame.side_data  # Its keys are types, though it is typed as a mapping of strings.
    stated = beside.get(Type.DISPLAYMATRIX)
    # Nine numbers [a b u; c d v; x y w]: what is at (p, q) is shown at (a p + c q + x, b p + d q + y).
    return UPRIGHT if stated is None else np.frombuffer(bytes(stated), np.int32).reshape(3, 3)[:2, :2]


def upright(image: npt.NDArray[np.uint8], matrix: Matrix) -> npt.NDArray[np.uint8]:
    """Turns and mirrors (H, W, 3) by the nearest of the eight ways that keep pixels whole. A view, no copy."""
    if _lies(matrix):
        image, right, down = image.swapaxes(0, 1), matrix[1, 0], matrix[0, 1]
    else:
        right, down = matrix[0, 0], matrix[1, 1]
    image = image[:, ::-1] if right < 0 else image
    return image[::-1] if down < 0 else image


def oblique_degrees(matrix: Matrix) -> float:
    """Finds by how much a matrix misses the nearest quarter turn; 0 where it does by less than one degree."""
    main, rest = (matrix[:, ::-1], matrix) if _lies(matrix) else (matrix, matrix[:, ::-1])
    tangent = float(np.abs(np.diag(rest).astype(float)).max() / max(np.abs(np.diag(main).astype(float)).max(), 1))
    return float(np.degrees(np.arctan(tangent))) if tangent > OBLIQUE else 0.0


def _lies(matrix: Matrix) -> bool:
    """Whether rows become columns."""
    across = np.abs(matrix.astype(np.int64))
    return bool(across[0, 1] + across[1, 0] > across[0, 0] + across[1, 1])
