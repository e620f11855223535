"""As much of OpenCV as the worker uses."""

import numpy as np

INTER_LANCZOS4 = 4


def resize(picture, size, interpolation=1):
    """The same picture, (height, width) of which are size[::-1], by its nearest pixels."""
    rows, columns = (np.arange(new) * old // new for new, old in zip(size[::-1], picture.shape[:2], strict=True))
    assert picture.dtype == np.uint8
    return picture[rows][:, columns]
