"""Procedural talking heads, and the folder dataset they are written as."""

from __future__ import annotations

from importlib.util import find_spec

PACKAGES = {"espeakng_loader": "espeakng-loader", "cv2": "opencv-python-headless"}
"""Modules that make clips, and the packages that bring them."""


def absent_packages() -> str | None:
    """Say which packages that make clips are not installed, and what brings them; None when all are there."""
    lacking = [name for module, name in PACKAGES.items() if find_spec(module) is None]
    hint = "pip install 'jova-bench[corpus]' brings what makes clips"
    return f"not installed: {', '.join(lacking)}; {hint}" if lacking else None
