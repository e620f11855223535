"""What an edit gives, and which of its frames, pixels and samples are kept.

Models make whole cells of latents, so near a border what is made may reach beyond what was asked: nothing is compared
within a margin, of time at the ends of a span, and of pixels around a mouth.

Letters: T frames, H and W pixels, N samples.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from jova_bench.errors import BenchError, Unavailable, Undefined
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.prompts import Edit, Prompt

MARGIN_S = 0.16
"""One latent frame of four frames at 25 frames/s."""
MARGIN_WIDTH = 0.125
"""Share of the picture's width: one latent cell of the shipped model, whose pictures are eight cells wide."""

Mask = npt.NDArray[np.bool_]


def edit_of(prompt: Prompt | None) -> Edit:
    """Returns the edit that a prompt asks for. Raises Undefined without one."""
    if prompt is None or prompt.edit is None:
        raise Undefined("no edit")
    return prompt.edit


def read(path: str | None, *, pictures: bool, name: str = "what was given") -> Clip:
    """Decodes a file that a prompt gives, which reasons call by the name.

    Raises:
        Undefined: none was.
        Unavailable: it cannot be read.
    """
    if path is None:
        raise Undefined("nothing was given")
    try:
        return media.read(Path(path), pictures=pictures)
    except BenchError as error:
        raise Unavailable(f"{name}: {error}") from error


def kept_frames(edit: Edit, count: int, fps: float) -> Mask:
    """Returns which of T frames are kept, at least in part: (T,). Raises Undefined for a span after their end."""
    return _outside(edit, count, fps)


def kept_pixels(edit: Edit, height: int, width: int) -> Mask:
    """Returns which pixels of a kept frame are kept: (H, W), those that lie wholly outside the box and its margin.

    Raises:
        Undefined: the box is beside the picture, so that no pixel is to be made.
    """
    kept = np.ones((height, width), bool)
    if edit.box is not None:
        if edit.box[0] >= width or edit.box[1] >= height:
            raise Undefined("the box of the edit is outside the given picture")
        margin = MARGIN_WIDTH * width
        (x0, y0, x1, y1), rows, columns = edit.box, np.arange(height), np.arange(width)
        inside_rows = (rows + 1 > y0 - margin) & (rows < y1 + margin)
        inside_columns = (columns + 1 > x0 - margin) & (columns < x1 + margin)
        kept[np.ix_(inside_rows, inside_columns)] = False
    return kept


def kept_samples(edit: Edit, count: int, rate_hz: int) -> Mask:
    """Returns which of N samples are kept: (N,). Raises Undefined for a span after their end."""
    return _outside(edit, count, rate_hz)


def _outside(edit: Edit, count: int, rate: float) -> Mask:
    """Returns which of `count` parts of 1 / rate seconds lie outside the span, if there is one, by the margin or more.

    Times are rounded to microseconds: 0.16 + 0.2 is not more than 0.36.
    """
    if edit.span_s is None:
        return np.ones(count, bool)
    bounds = np.arange(count + 1) / rate
    if np.round(bounds[-1] - edit.span_s[0], 6) <= 0:
        raise Undefined("the span of the edit is outside the given clip")  # Nothing is to be made: all would be kept.
    start_s, end_s = edit.span_s[0] - MARGIN_S, edit.span_s[1] + MARGIN_S
    return (np.round(bounds[1:] - start_s, 6) <= 0) | (np.round(bounds[:-1] - end_s, 6) >= 0)
