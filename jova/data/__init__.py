"""Procedural talking heads, and the folder dataset in which they are stored."""

from __future__ import annotations

from importlib.util import find_spec

PACKAGES = {"espeakng_loader": "espeakng-loader", "cv2": "opencv-python-headless"}
"""Modules that are needed to make clips, and the packages that contain them."""


def missing_packages() -> str | None:
    """Returns which packages for making clips are not installed and how to install them; None if all are."""
    missing = [name for module, name in PACKAGES.items() if find_spec(module) is None]
    hint = "to make clips, run pip install 'jova-bench[corpus]'"
    return f"not installed: {', '.join(missing)}; {hint}" if missing else None
