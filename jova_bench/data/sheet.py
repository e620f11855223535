"""Draws what was seen of a clip: its middle frame with faces and mouth, small, for people to look over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jova_bench.arrays import Frames
from jova_bench.data.faces import Seen
from jova_bench.data.speaker import Speaker
from jova_bench.metrics.faces.opencv import cv2

LONGER_SIDE = 192
"""Pixels of the image."""
FACE, MOUTH = (64, 160, 255), (255, 96, 64)
"""RGB of the boxes."""


def sample_image(frame: Frames, seen: Sequence[Seen], speaker: Speaker | None, at: int) -> bytes:
    """Draws a frame with a box around every face, and one around the lips of the speaker.

    Args:
        frame: (H, W, 3).
        seen: the faces of the frame.
        speaker: the one person on screen, if there is one.
        at: index of the frame.

    Returns:
        A JPEG file.
    """
    factor = LONGER_SIDE / max(frame.shape[:2])
    image = cv2().resize(frame, (0, 0), fx=factor, fy=factor, interpolation=cv2().INTER_AREA)
    for face in seen:
        _outline(image, np.array(face.box) * factor, FACE)
    spoken = speaker.faces[at] if speaker else None
    if spoken is not None:
        lips = spoken.lips * factor
        _outline(image, np.concatenate([lips.min(axis=0), lips.max(axis=0)]), MOUTH)
    written, content = cv2().imencode(".jpg", image[..., ::-1], [cv2().IMWRITE_JPEG_QUALITY, 85])
    assert written
    return bytes(content)


def _outline(image: Frames, box: np.ndarray, colour: tuple[int, int, int]) -> None:
    x0, y0, x1, y1 = (int(side) for side in np.rint(box))
    cv2().rectangle(image, (x0, y0), (x1, y1), colour, 1)
