"""Types of the arrays that the whole package uses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]
"""(T, H, W, 3) pictures, or one (H, W, 3): RGB, 0 to 255."""
Audio = npt.NDArray[np.float32]
"""(N,) or (channels, N) samples, full scale at 1."""
FloatArray = npt.NDArray[np.float64]
"""Features, times, curves and statistics."""
Indices = npt.NDArray[np.int64]
"""Positions in another array."""
Arrays = Mapping[str, npt.NDArray[np.generic]]
"""Arrays by name, as caches and npz files hold them."""
