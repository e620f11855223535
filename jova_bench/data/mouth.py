"""Puts a box around the speaker's mouth in each frame, by the function that makes JoVA's boxes of drawn heads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from jova_bench.data.framing import in_crop
from jova_bench.data.records import Box
from jova_bench.data.speaker import Speaker
from jova_bench.registry import load

FORMULA = "jova.mouth_box:mouth_boxes"
"""Its one owner."""
MARGIN = 0.2
"""Margin around the lips over the width of the mouth: that of the drawn heads, 2.5 of about 13 pixels."""


def tracks(speaker: Speaker, crop: Box, size: tuple[int, int]) -> Mapping[str, npt.NDArray[np.float32]]:
    """Returns the arrays that are stored of a clip of T frames.

    Args:
        speaker: in pixels of the source.
        crop: part of the source that the clip shows.
        size: height and width of the clip.

    Returns:
        `mouth_box` (T, 4) x0, y0, x1, y1 in pixels of the clip, NaN where no face was found; `confidence` (T,), the
        finder's probability of a face: 0 where none was found, NaN where it states none.
    """
    points = next(face.lips.shape for face in speaker.faces if face)
    lips = np.stack([np.full(points, np.nan) if face is None else face.lips for face in speaker.faces])
    lips = in_crop(lips, crop, size)  # (T, K, 2)
    wide = float(np.nanmedian(lips[..., 0].max(axis=1) - lips[..., 0].min(axis=1)))
    boxes = load(FORMULA, "the formula of mouth boxes")(lips, MARGIN * wide)
    confidence = [0.0 if face is None else face.confidence for face in speaker.faces]
    return {
        "mouth_box": np.asarray(boxes, dtype=np.float32),
        "confidence": np.array(confidence, dtype=np.float32),
    }
