"""Converts what a worker made to arrays, and writes them: Python 3.9, and the upstream's numpy where it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def is_whole(made: dict[str, Any]) -> bool:
    """Returns whether a result has either frames or a file, or else audio."""
    pictures = {"frames", "file"} & set(made)
    return len(pictures) == 1 if pictures else made.get("audio") is not None


def pixels(frames: Any) -> Any:
    """Converts frames to (T, H, W, 3) uint8; floats are in [-1, 1]."""
    import numpy as np

    array = as_array(frames)
    if array.dtype == np.uint8:
        return array
    if not np.isfinite(array).all():  # As bytes they would be black frames.
        raise ValueError("expected finite frames, got NaN or infinity")
    return np.rint((np.clip(array.astype(np.float32), -1, 1) + 1) * 127.5).astype(np.uint8)


def samples(audio: Any) -> Any:
    """Converts audio to (channels, N) float32."""
    import numpy as np

    array = np.atleast_2d(as_array(audio)).astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError("expected finite audio samples, got NaN or infinity")
    return array


def as_array(value: Any) -> Any:
    """Converts an array or a tensor to a numpy array."""
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value  # numpy has no bfloat16
        value = value.numpy()
    return np.asarray(value)


def save(path: Path, array: Any) -> str:
    """Writes an array; returns the name of its file."""
    import numpy as np

    np.save(path, np.ascontiguousarray(array))
    return path.name
