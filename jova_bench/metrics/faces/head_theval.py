"""THEval's head motion (Newbyl/THEval Naturalness/head_motion_dynamics.py @ cfe23fe): angles by FaceXFormer.

Every frame's surest face by RetinaFace is cut out at its box and squeezed into a square; the frames reach RetinaFace
with red and blue exchanged, as there. One number is made of degrees and of pixels (`theval_formulas.head_motion`), so
that the same nod in a larger picture counts for more as soon as the head moves across it, too. Where one frame has no
face the script stops, and the video has no value.

Letters: T frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jova_bench.arrays import Arrays, FloatArray, Frames
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.faces import opencv, retinaface_v2
from jova_bench.metrics.faces.theval import PROTOCOL, swapped
from jova_bench.metrics.faces.theval_formulas import head_motion
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.pillow_resize import bicubic
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

WEIGHTS = "facexformer"
BATCH = 16


@dataclass(frozen=True)
class HeadMotion(ClipMetric):
    """How much a head moves, in its mixture of degrees and pixels."""

    spec: MetricSpec
    context: MetricContext

    def check(self) -> str | None:
        """Returns what of packages and networks is missing; None if nothing is."""
        return join_reasons(opencv.missing(), self.context.assets.missing(retinaface_v2.WEIGHTS, WEIGHTS))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures the clip; `prompt` and `reference` are ignored."""
        frames = clip.frames
        if frames is None:
            raise Undefined("no video stream")
        if len(frames) < 2:
            raise Undefined("one frame, at least 2 needed")
        if reason := self.check():
            raise Unavailable(reason)
        kept = self.context.cache.get(
            clip.digest, CacheKey("facexformer", 1, self.spec.weights, {}), lambda: _seen(frames, self.context)
        )
        angles, centres = (np.asarray(kept[name], dtype=np.float64) for name in ("angles", "centres"))
        return head_motion(angles, centres)


def _seen(frames: Frames, context: MetricContext) -> Arrays:
    """Returns (T, 3) angles, in degrees, and (T, 2) middles, in pixels, of the faces of T frames. Raises Undefined."""
    angles: list[FloatArray] = []
    centres: list[FloatArray] = []
    faces: list[Frames] = []
    for k, frame in enumerate(frames):
        box = retinaface_v2.surest(swapped(frame), context.assets, context.device)
        if box is None:
            raise Undefined(f"no face in frame {k}: THEval gives such a clip no value")
        left, top, right, bottom = box
        if right <= left or bottom <= top:
            raise Undefined(f"a face of no pixels in frame {k}: THEval gives such a clip no value")
        centres.append((box[:2] + box[2:]) / 2)
        faces.append(frame[top:bottom, left:right])
        if len(faces) == BATCH or k == len(frames) - 1:
            angles.append(angles_deg(faces, context))
            faces = []
    return {"angles": np.concatenate(angles), "centres": np.array(centres)}


def angles_deg(faces: list[Frames], context: MetricContext) -> FloatArray:
    """Returns the (n, 3) nods, turns and tilts, in degrees, of n faces that are cut out."""
    import torch

    from jova_bench.metrics.networks import facexformer, shaped
    from jova_bench.metrics.signal.frames import normalised

    name = f"{WEIGHTS}[{context.assets.digest(WEIGHTS)}]@{context.device}"
    net = cached_network(name, lambda: facexformer.load(context.assets.find(WEIGHTS), context.device))
    squares = np.stack([bicubic(face, facexformer.SIDE, facexformer.SIDE) for face in faces])
    pixels = normalised(torch.from_numpy(squares).permute(0, 3, 1, 2), facexformer.MEAN, facexformer.DEVIATION)
    with shaped.inference():
        return np.degrees(net(pixels.to(context.device)).double().cpu().numpy())


def head_dynamics(context: MetricContext) -> HeadMotion:
    """Builds THEval's measure of how much a head moves."""
    digests = [context.assets.digest(name) for name in (retinaface_v2.WEIGHTS, WEIGHTS)]
    spec = MetricSpec(
        name="head_dynamics",
        version=1,
        profile="standard",
        backend="facexformer",
        protocol=PROTOCOL,
        weights=None if None in digests else "+".join(map(str, digests)),
        direction="target",
        needs=("video",),
        domain="a face in every frame",
        description="root of the spread of nod, turn and tilt (degrees) times that of their changes, plus that of the"
        " face's place (pixels); 18.46757 for the paper's real videos",
        source="Newbyl/THEval Naturalness/head_motion_dynamics.py; FaceXFormer, arXiv 2403.12960; retina-face 0.0.17",
    )
    return HeadMotion(spec, context)
