"""How sharp and clean mouths look: MUSIQ's prediction of people's ratings, of the lips and what is next to them.

Ours cuts out the lips with a margin of a quarter of the eyes' distance, five times a second, from a clip that shows one
face well (`portrait`). THEval's (Newbyl/THEval Video_Quality/mouth_quality.py @ cfe23fe) is of every frame in which
MediaPipe finds a face by itself, with a margin of 10 pixels, and fills the cut-outs of 64 frames up with black to the
largest of them, which MUSIQ sees, too.

MUSIQ scales a picture to 224 and 384 pixels, so that of a small mouth it judges the enlargement, and it was trained on
photographs as a whole: compare faces of one size.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray, Frames
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import litert, mesh, rated
from jova_bench.metrics.faces import portrait as faces
from jova_bench.metrics.faces.blaze_decoding import detect
from jova_bench.metrics.faces.clock import at_25_fps
from jova_bench.metrics.faces.rated import RatedFace
from jova_bench.metrics.picture.predictors import MUSIQ
from jova_bench.records import MetricSpec

EVERY = 5
"""Frames at 25 fps (0.2 s) from one rating to the next."""
MARGIN = 0.25
"""Eye distances around the lips."""
LEAST_S = 0.2
THEIR_MARGIN, THEIR_BATCH = 10, 64
"""Pixels around the lips; frames whose cut-outs are made equally large."""


def clean_mouths(clip: Clip, context: MetricContext) -> list[Frames]:
    """Cuts out the mouth of the one face of a clip, every fifth frame. Raises Undefined."""
    found, frames = faces.measurable(clip, context, LEAST_S), at_25_fps(clip)
    seen = [k for k in range(0, len(frames), EVERY) if np.isfinite(found.points[k, 0, 0])]
    if not seen:
        raise Undefined("no face in the frames that are rated")
    margins = found.eye_distance * MARGIN
    boxes = [box_of(found.points[k][list(mesh.LIPS), :2], margins[k]) for k in seen]
    return [cut_out(frames[k], box) for k, box in zip(seen, boxes, strict=True)]


def theval_mouths(clip: Clip, context: MetricContext) -> list[Frames]:
    """Cuts out the mouth of the surest face of each frame, and fills up. Raises Undefined."""
    assert clip.frames is not None
    net, cuts = litert.MESH.load(context.assets), []
    for frame in clip.frames:
        found = detect(frame, litert.SHORT_RANGE, context.assets)
        face = mesh.at(frame, mesh.region(found[0]), net) if len(found) else None
        if face is not None:
            cuts.append(cut_out(frame, box_of(np.trunc(face.points[list(mesh.LIPS)]), THEIR_MARGIN)))
    if not cuts:
        raise Undefined("no face found")
    batches = (cuts[start : start + THEIR_BATCH] for start in range(0, len(cuts), THEIR_BATCH))
    return [one for batch in batches for one in filled(batch)]


def box_of(points: FloatArray, margin: float) -> npt.NDArray[np.int64]:
    """Returns the whole pixels (x0, y0, x1, y1) around (n, 2) points, with a margin."""
    edges = np.concatenate([points.min(axis=0) - margin, points.max(axis=0) + margin])
    return np.round(edges).astype(np.int64)


def cut_out(frame: Frames, box: npt.NDArray[np.int64]) -> Frames:
    """Returns the part of (H, W, 3) within a box, at least a pixel of it."""
    height, width = frame.shape[:2]
    left, top = np.clip(box[:2], 0, [width - 1, height - 1])
    right, bottom = np.clip(box[2:], [left + 1, top + 1], [width, height])
    return frame[top:bottom, left:right]


def filled(cuts: list[Frames]) -> list[Frames]:
    """Returns pictures that are all as large as the largest, black to the right and below."""
    height, width = (max(one.shape[axis] for one in cuts) for axis in (0, 1))
    return [np.pad(one, ((0, height - one.shape[0]), (0, width - one.shape[1]), (0, 0))) for one in cuts]


def mouth_quality(context: MetricContext, variant: str) -> RatedFace:
    """Builds the quality of the mouth, ours (`clean`) or `theval`'s."""
    ours = variant == "clean"
    networks = litert.NETWORKS if ours else (litert.SHORT_RANGE, litert.MESH)
    says = "mean rating of the lips and their surroundings by MUSIQ, 0 to 100"
    spec = MetricSpec(
        name="mouth_quality",
        version=1,
        profile="standard",
        backend="face-mesh+musiq",
        protocol="clean" if ours else "theval@cfe23fe",
        weights=rated.weights(tuple(one.digest for one in networks), MUSIQ, context.assets),
        params={**faces.PARAMS, "rated_every": EVERY, "margin": MARGIN} if ours else {},
        unit="of 0 to 100",
        direction="up" if ours else "target",
        needs=("video",),
        domain=faces.DOMAIN if ours else "one face that speaks",
        description=says if ours else f"{says}; 10 px around, filled up with black; 23.835 for the paper's real videos",
        source="MUSIQ, arXiv 2108.05997, trained on KonIQ-10k"
        if ours
        else "Newbyl/THEval Video_Quality/mouth_quality.py",
    )
    files, cuts = tuple(one.asset for one in networks), clean_mouths if ours else theval_mouths
    return RatedFace(spec, context, MUSIQ, rated.mesh_packages, files, cuts)
