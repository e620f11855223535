"""The box around a mouth: of drawn heads, for `jova.data.face`, and of filmed ones, for `jova_bench data prepare`.

Apart from the mouth-area loss (`jova.mouth_loss`), of which it is the first step: what makes clips needs no torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def mouth_boxes(lips: npt.NDArray[np.floating[Any]], margin: float) -> npt.NDArray[np.floating[Any]]:
    """Returns the box around the mouth in every frame.

    Args:
        lips: (T, K, 2) keypoints (x, y) of the lips, in pixels; NaN where no face was found.
        margin: added on every side, in pixels.

    Returns:
        (T, 4) pixels x0, y0, x1, y1; NaN in frames with a keypoint that is NaN.
    """
    return np.concatenate([lips.min(axis=1) - margin, lips.max(axis=1) + margin], axis=1)
