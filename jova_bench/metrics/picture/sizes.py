"""Says which frames are too small for a network, or a grid, to say anything of."""

from __future__ import annotations

from collections.abc import Sequence


def too_small(size: Sequence[int], least: int) -> str | None:
    """Returns why frames of a size have no answer; None where they are large enough.

    Args:
        size: height and width, px.
        least: pixels that both need.
    """
    height, width = size
    small = f"too small: {width}x{height}, at least {least} pixels are needed on each side"
    return small if min(height, width) < least else None
