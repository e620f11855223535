"""Face detectors behind one interface, each with an identity of its own.

`s3fd` is the papers'. Its boxes decide the crop, so a lighter detector gives other numbers: it is a choice that
enters the identity of a metric, never a silent replacement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jova_bench.assets.table import AssetTable
from jova_bench.metrics.base import join_reasons
from jova_bench.metrics.faces.track import Boxes, Frames
from jova_bench.registry import load


@dataclass(frozen=True)
class Detector:
    """Finds the faces of single frames."""

    name: str
    packages: Callable[[], str | None]
    """None when the packages that it needs are here, else how to get them."""
    weights: Callable[[], str | None]
    """First hex digits of the sha256 of its weights; None while they are missing."""
    settings: str
    """Version and every parameter that changes its boxes."""
    find: Callable[[Frames, str], list[Boxes]]
    """(T, H, W, 3) and a device -> per frame (n, 5): x0, y0, x1, y1 in pixels and a score, best first."""
    files: tuple[str, ...] = ()
    """The assets that it needs; none where a package bundles them."""

    def missing(self, assets: AssetTable) -> str | None:
        """Returns why it cannot run here; None if it can."""
        return join_reasons(self.packages(), assets.missing(*self.files))

    @property
    def key(self) -> str:
        """What its boxes depend on: part of cache keys."""
        return f"{self.name}[{self.weights()}]{{{self.settings}}}"


_MODULES = {"s3fd": "s3fd", "scrfd": "scrfd", "opencv-haar": "haar", "mediapipe": "blazeface"}
NAMES = tuple(_MODULES)


def detector(name: str, assets: AssetTable) -> Detector:
    """Returns the detector of one of `NAMES`; imports no network."""
    build: Callable[[AssetTable], Detector] = load(f"jova_bench.metrics.faces.{_MODULES[name]}:build", name)
    return build(assets)
