"""Temporal flicker: how much the brightness of places jumps from picture to picture.

Ours looks at a coarse grid of brightness, 8 times a second, and at the distance of a place's brightness from the line
between the one before and the one after, at its own time: where 8 does not divide the frame rate, pictures do not lie
evenly. So a steady fade gives 0 at any rate, up to the rounding of its levels. Of
all places the median counts, so that a moving subject that fills less than half of the picture does not; a camera that
moves over detail does. Two things it cannot see: flicker of less than half of the picture, and flicker in step with
the 8.

VBench (vbench/temporal_flickering.py @ 45e79ec) takes the mean difference of neighbouring frames from 255, so that all
that moves is flicker, and more so at a low frame rate; it asks for clips at rest, and does not check. Its number is in
the upper percents for every clip.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from jova_bench.arrays import FloatArray, Frames
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.picture.sizes import too_small
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

RATE = Fraction(8)
"""Pictures per second."""
CELLS = 32
"""Places along each side; each is the mean brightness of its pixels."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness, by Rec. 601."""


class RestingFlicker(ClipMetric):
    """Flicker of places that are at rest."""

    def __init__(self, context: MetricContext) -> None:
        super().__init__(context)
        self.spec = MetricSpec(
            name="temporal_flicker",
            version=2,
            profile="standard",
            backend="luma-grid",
            params={"fps": int(RATE), "cells": CELLS},
            unit="levels of 255",
            direction="down",
            needs=("video",),
            domain="one shot in which less than half of the picture moves",
            description="median jump of brightness of a place against the pictures before and after, 8 a second",
            source="after VBench vbench/temporal_flickering.py @ 45e79ec",
        )

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures the clip's frames; `prompt` and `reference` are ignored."""
        if clip.frames is None:
            raise Undefined("no video stream")
        if reason := too_small(clip.frames.shape[1:3], CELLS):
            raise Undefined(reason)
        if clip.fps < RATE:
            raise Undefined(f"too few frames per second: {float(clip.fps):.3g}, at least {float(RATE):.3g} needed")
        from jova_bench.metrics.signal.frames import resample_frame_indices

        shown = resample_frame_indices(len(clip.frames), clip.fps, RATE)
        if len(shown) < 3:
            raise Undefined("too short: flicker needs three pictures")
        grid = np.stack([brightness(clip.frames[k]) for k in shown])
        since, until = np.diff(shown)[:-1, None, None], np.diff(shown)[1:, None, None]
        jumps = np.abs(grid[1:-1] - grid[:-2] - (grid[2:] - grid[:-2]) * since / (since + until))
        return float(np.median(jumps, axis=(1, 2)).mean())


class VBenchFlicker(ClipMetric):
    """Difference of neighbouring frames, from 1."""

    def __init__(self, context: MetricContext) -> None:
        super().__init__(context)
        self.spec = MetricSpec(
            name="temporal_flicker",
            version=1,
            profile="standard",
            backend="mean-difference",
            protocol="vbench@45e79ec",
            direction="up",
            needs=("video",),
            domain="clips in which nothing moves",
            description="1 - mean difference of neighbouring frames / 255: motion lowers it, less at high rates",
            source="VBench vbench/temporal_flickering.py @ 45e79ec",
        )

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures the clip's frames; `prompt` and `reference` are ignored."""
        if clip.frames is None:
            raise Undefined("no video stream")
        frames = clip.frames
        if len(frames) < 2:
            raise Undefined("too short: one frame differs from none")
        apart = [np.abs(first.astype(np.int16) - second).mean() for first, second in pairwise(frames)]
        return float((255 - np.mean(apart)) / 255)


def brightness(frame: Frames) -> FloatArray:
    """Returns the (32, 32) mean brightness of the cells of an (H, W, 3) frame."""
    luma = frame @ np.array(LUMA)
    edges = [np.arange(CELLS + 1) * side // CELLS for side in luma.shape]
    sums = np.add.reduceat(np.add.reduceat(luma, edges[0][:-1], axis=0), edges[1][:-1], axis=1)
    rows, columns = (np.diff(one) for one in edges)
    return np.asarray(sums / (rows[:, None] * columns))


def temporal_flicker(context: MetricContext, variant: str) -> RestingFlicker | VBenchFlicker:
    """Builds the metric of one variant."""
    return RestingFlicker(context) if variant == "clean" else VBenchFlicker(context)
