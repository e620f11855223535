"""BlazeFace (arXiv 1907.05047), full range, of mediapipe 0.10.21, with boxes like other detectors'."""

from __future__ import annotations

from functools import partial

from jova_bench.assets.table import AssetTable
from jova_bench.digests import shortened
from jova_bench.metrics.base import join_reasons
from jova_bench.metrics.faces import opencv
from jova_bench.metrics.faces.blaze_decoding import detect
from jova_bench.metrics.faces.detectors import Detector
from jova_bench.metrics.faces.litert import FULL_RANGE, not_installed
from jova_bench.metrics.faces.track import Boxes, Frames, enlarged

LARGER, UP = 1.18, 0.17
"""Scale from its boxes, brows to chin, to those of WIDER FACE (`results/benchmarks/faces.md`)."""


def find(assets: AssetTable, frames: Frames, device: str) -> list[Boxes]:
    """Returns per frame (n, 5) boxes in pixels and scores; always on the CPU. Raises Unavailable."""
    found = [detect(frame, FULL_RANGE, assets)[:, [0, 1, 2, 3, 16]] for frame in frames]
    return [enlarged(boxes, LARGER, UP) for boxes in found]


# The score is what mediapipe was asked for; it lets 0.6 pass and more, see `litert.FULL_RANGE`.
SETTINGS = f"1,range=full,score=0.5,larger={LARGER},up={UP}"


def build(assets: AssetTable) -> Detector:
    """Builds the detector, whose weights are a file of mediapipe's."""
    find_here = partial(find, assets)
    digest = shortened(FULL_RANGE.sha256)
    return Detector(
        "mediapipe",
        lambda: join_reasons(opencv.missing(), not_installed()),
        lambda: digest,
        SETTINGS,
        find_here,
        (FULL_RANGE.asset,),
    )
