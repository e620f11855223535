"""OpenCV, imported when first needed."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

from jova_bench.errors import Unavailable

HOW = "not installed: pip install 'jova-bench[standard]'"


def missing() -> str | None:
    """Returns how to install OpenCV; None if it is there."""
    return None if find_spec("cv2") else HOW


@cache
def cv2() -> Any:
    """Imports the module. Raises Unavailable where it is not installed."""
    try:
        import cv2 as module
    except ImportError as error:
        raise Unavailable(HOW) from error
    return module
