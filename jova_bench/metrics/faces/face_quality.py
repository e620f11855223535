"""How sharp and clean faces look: TOPIQ's prediction of people's ratings of a face that lies as in its training data.

Ours takes the one face of a clip (`portrait`) five times a second and puts eyes, nose and mouth where they are in
FFHQ's pictures of 512 x 512, by the points of the mesh; the network is trained on CGFIQA-40k, whose faces are balanced
by gender and skin. THEval's (Newbyl/THEval Video_Quality/face_quality.py @ cfe23fe; pyiqa 0.1.13 `topiq_nr-face`) looks
at every frame, in which RetinaFace finds the face nearest to the middle, and was trained on GFIQA-20k. Where one frame
has no face it stops, and the video has no value.

A small face is enlarged, so that its blur is rated: compare faces of one size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray, Frames
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import litert, opencv, rated, retinaface
from jova_bench.metrics.faces import portrait as faces
from jova_bench.metrics.faces.clock import at_25_fps
from jova_bench.metrics.faces.dynamics import LEFT_EYE, RIGHT_EYE
from jova_bench.metrics.faces.rated import RatedFace
from jova_bench.metrics.picture import predictors
from jova_bench.metrics.picture.arcface import similarity
from jova_bench.records import MetricSpec

EVERY = 5
"""Frames at 25 fps (0.2 s) from one rating to the next."""
LEAST_S = 0.2
SIDE = 512
PLACES = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
"""Where facexlib puts right eye, left eye, tip of the nose and corners of the mouth, x and y in pixels."""
BEYOND = (132, 133, 135)
"""RGB of what lies beyond the picture."""
NOSE, MOUTH = 1, (61, 291)
"""Points of the mesh: tip of the nose, corners of the mouth."""
LEAST_EYES = 5
"""Pixels between the eyes of a face that THEval takes."""


def clean_faces(clip: Clip, context: MetricContext) -> Iterator[npt.NDArray[np.uint8]]:
    """Cuts out the one face of a clip, every fifth frame. Raises Undefined."""
    found, frames = faces.measurable(clip, context, LEAST_S), at_25_fps(clip)
    seen = [k for k in range(0, len(frames), EVERY) if np.isfinite(found.points[k, 0, 0])]
    if not seen:
        raise Undefined("no face in the frames that are rated")
    for k in seen:
        yield np.asarray(_cut(frames[k], similarity(five_points(found.points[k, :, :2]), PLACES)), dtype=np.uint8)


def five_points(points: FloatArray) -> FloatArray:
    """Returns the (5, 2) eyes, nose and corners of the mouth of a mesh of (468, 2) points."""
    eyes = [points[list(eye)].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    return np.stack([*eyes, points[NOSE], *points[list(MOUTH)]])


def theval_faces(clip: Clip, context: MetricContext) -> Iterator[npt.NDArray[np.float32]]:
    """Cuts out the face nearest to the middle of each frame. Raises Undefined."""
    assert clip.frames is not None
    for k, frame in enumerate(clip.frames):
        found = retinaface.faces(frame, context.assets, context.device)
        found = found[np.linalg.norm(found[:, 5:7] - found[:, 7:9], axis=1) >= LEAST_EYES]
        if not len(found):
            raise Undefined(f"no face in frame {k}: THEval gives such a clip no value")
        height, width = frame.shape[:2]
        apart = np.linalg.norm((found[:, :2] + found[:, 2:4]) / 2 - [width / 2, height / 2], axis=1)
        yield theirs(frame, found[np.argmin(apart), 5:].reshape(5, 2))


def theirs(frame: Frames, points: FloatArray) -> npt.NDArray[np.float32]:
    """Cuts a face out of a frame by its (5, 2) points, by least median of squares as facexlib does."""
    cv2 = opencv.cv2()
    way = cv2.estimateAffinePartial2D(points.astype(np.float32), PLACES, method=cv2.LMEDS)[0]
    if way is None:
        raise Undefined("a face whose points lie on one place")
    return np.asarray(_cut(frame.astype(np.float32), way), dtype=np.float32)


def _cut(frame: npt.NDArray[np.generic], way: FloatArray) -> npt.NDArray[np.generic]:
    cv2 = opencv.cv2()
    made: npt.NDArray[np.generic] = cv2.warpAffine(
        frame, way, (SIDE, SIDE), borderMode=cv2.BORDER_CONSTANT, borderValue=BEYOND
    )
    return made


def face_quality(context: MetricContext, variant: str) -> RatedFace:
    """Builds the quality of the face, ours (`clean`) or `theval`'s."""
    ours, assets = variant == "clean", context.assets
    predictor = predictors.TOPIQ_FACE if ours else predictors.TOPIQ_FACE_V1
    digests = tuple(one.digest for one in litert.NETWORKS) if ours else (assets.digest(retinaface.WEIGHTS),)
    says = "mean rating of the face, turned upright and scaled to 512x512, by TOPIQ"
    spec = MetricSpec(
        name="face_quality",
        version=1,
        profile="standard",
        backend="face-mesh+topiq" if ours else "retinaface+topiq",
        protocol="clean" if ours else "theval@cfe23fe",
        weights=rated.weights(digests, predictor, assets),
        params={**faces.PARAMS, "rated_every": EVERY} if ours else {},
        unit="of 0 to 1",
        direction="up" if ours else "target",
        needs=("video",),
        domain=faces.DOMAIN if ours else "a face in every frame",
        description=f"{says} of CGFIQA-40k, five times a second"
        if ours
        else f"{says} of GFIQA-20k, of every frame; 0.4425 for the paper's real videos",
        source="TOPIQ, arXiv 2308.03060; pyiqa topiq_nr-face"
        if ours
        else "Newbyl/THEval Video_Quality/face_quality.py; pyiqa 0.1.13; facexlib 0.3.0",
    )
    if ours:
        files = tuple(one.asset for one in litert.NETWORKS)
        return RatedFace(spec, context, predictor, rated.mesh_packages, files, clean_faces)
    return RatedFace(spec, context, predictor, opencv.missing, (retinaface.WEIGHTS,), theval_faces)
