"""Dynamic degree: how fast the liveliest twentieth of the picture moves, by RAFT's optical flow.

`motion_score` is the mean over the picture, to which a mouth or a hand adds little; here still surroundings do not
count. Ours is a speed in diagonals of the picture per second, to match that of real clips.

VBench (vbench/dynamic_degree.py @ 45e79ec) says yes or no: a clip is dynamic when enough pairs of frames pass a
threshold. Four things make that depend on more than motion. Frames are every `round(fps / 8)`-th, so that the
threshold is one for 6 steps a second at 12 fps and for 10 at 10 fps. It is in pixels of the shorter side. The rows and
columns that pad a frame to multiples of 8 count. And of a clip of two such frames no pair need pass, for
`round(4 * 2 / 16)` is 0: it is dynamic though nothing moves.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from jova_bench.arrays import FloatArray, Indices
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.picture import motion
from jova_bench.metrics.picture.motion import MotionScore, MotionVariant

if TYPE_CHECKING:
    from torch import Tensor

THRESHOLD = 6 / 256
"""Pixels per pixel of the shorter side, from frame to frame."""


def _thresholds(flow: Tensor, size: tuple[int, int]) -> float:
    """Returns the length in VBench's thresholds, padding included."""
    across, down = flow[0]
    return motion.fastest((across.square() + down.square()).sqrt()) / (THRESHOLD * min(size))


def about_eight(count: int, fps: Fraction) -> Indices:
    """Selects every `round(fps / 8)`-th frame, halves rounded to the even number."""
    return np.arange(0, count, max(1, round(float(fps) / 8)))


def moves(lengths: FloatArray, seconds: float) -> float:
    """Returns 1 where as many of (n,) lengths are over 1 as a quarter of the n + 1 frames, else 0."""
    return float((lengths > 1).sum() >= round(4 * (len(lengths) + 1) / 16))


VARIANTS = {
    "clean": replace(
        motion.VARIANTS["clean"],
        metric="dynamic_degree",
        description="mean speed of the fastest twentieth of the picture; more is not better, it is to match real clips",
        source="after VBench vbench/dynamic_degree.py @ 45e79ec; flow of arXiv 2003.12039",
    ),
    "vbench": MotionVariant(
        name="vbench@45e79ec",
        metric="dynamic_degree",
        sample=about_eight,
        show=motion.padded,
        lengths={"dynamic_degree": _thresholds},
        value=moves,
        params={},
        direction="up",
        unit="share of clips",
        description="1 where as many pairs as a quarter of the frames pass a threshold, else 0; depends on "
        "the frame rate, and clips of two frames are always 1",
        source="VBench vbench/dynamic_degree.py @ 45e79ec",
    ),
}


def dynamic_degree(context: MetricContext, variant: str) -> MotionScore:
    """Builds the metric of one variant."""
    return MotionScore(VARIANTS[variant], context)
