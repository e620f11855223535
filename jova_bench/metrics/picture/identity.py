"""ID, the identity score: whether the person of a clip is that of the reference image, and stays the same.

Two questions, two metrics. `identity_score` asks whether the faces of the clip are that of the prompt's reference
image; without one it is undefined. `identity_consistency` asks whether the clip's own first face stays the same
person; a still scores 1, so it is read beside `motion_score`. Both are cosines of a face recogniser (FaceNet, or
`@arcface`), five times a second: about 0 for strangers, 1 for one picture. Of several faces in a frame the most alike
counts (a bystander is no harm), of several in the reference image the largest. Where fewer than half of the searched
frames show a face, it is undefined.

Verse-Bench's ID (dino/dinov3_inferencer.py @ 5645a09) is no identity. Of DINOv3's tokens of a picture, squeezed into
a square, it takes the last but one: the patch left of the bottom right corner, and compares that with the same patch
of the reference image, in every frame. A background that stands still scores best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from jova_bench.arrays import FloatArray, Frames
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.faces import detector
from jova_bench.metrics.faces.opencv import cv2
from jova_bench.metrics.faces.opencv import missing as missing_opencv
from jova_bench.metrics.picture import arcface
from jova_bench.metrics.picture import facenet as face_embed
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

SEEN = 0.5
"""Share of the searched frames that must show a face."""
DINOV3 = "dinov3-vitl16"
DINOV3_SIDE, DINOV3_BATCH = 224, 8
DINOV3_MEAN, DINOV3_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TOKEN = -2


def reference_image(prompt: Prompt | None) -> Frames:
    """Reads the prompt's image as (H, W, 3) RGB, turned as its EXIF says.

    Raises:
        Undefined: the prompt names none.
        Unavailable: it cannot be read.
    """
    if prompt is None or prompt.image is None:
        raise Undefined("no reference image")
    image = cv2().imread(prompt.image, cv2().IMREAD_COLOR)
    if image is None:
        raise Unavailable(f"cannot read the reference image {prompt.image}")
    return np.asarray(image[..., ::-1], dtype=np.uint8)


@dataclass(frozen=True)
class FaceIdentity(ClipMetric):
    """Cosine of the clip's faces and one other."""

    spec: MetricSpec
    detector: str
    of_image: bool
    """Compared with the reference image's face; else with the clip's first."""
    context: MetricContext

    def check(self) -> str | None:
        """Returns what of detector, recogniser and their packages is missing; None if nothing is."""
        return join_reasons(missing_opencv(), face_embed.missing(self.detector, self.context.assets))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the faces of the frames with the prompt's reference image."""
        return self._measure(clip, prompt)

    def _measure(self, clip: Clip, prompt: Prompt | None) -> float:
        if clip.frames is None:
            raise Undefined("no video stream")
        if self.of_image and (prompt is None or prompt.image is None):
            raise Undefined("no reference image")
        if reason := self.check():
            raise Unavailable(reason)
        anchor = None
        if self.of_image:
            faces = self._faces(face_embed.still(reference_image(prompt)))[0]
            if not len(faces):
                raise Undefined("no face found in the reference image")
            anchor = faces[0]
        return likeness(self._faces(clip), anchor)

    def _faces(self, clip: Clip) -> list[FloatArray]:
        return face_embed.embeddings(clip, self.detector, self.context)


@dataclass(frozen=True)
class ArcFaceIdentity(FaceIdentity):
    """The same by another recogniser, which brings its own detector."""

    def check(self) -> str | None:
        """Returns what of detector, recogniser and their packages is missing; None if nothing is."""
        return arcface.missing(self.context.assets)

    def _faces(self, clip: Clip) -> list[FloatArray]:
        return arcface.embeddings(clip, self.context)


def likeness(faces: list[FloatArray], anchor: FloatArray | None) -> float:
    """Returns the mean over frames of the cosine of the most similar face.

    Args:
        faces: for each searched frame (n, d) of length 1, the largest face first.
        anchor: (d,) of length 1; None for the first frame's first face, and the frames after it are compared.

    Raises:
        Undefined: too few frames show a face.
    """
    seen = [frame for frame in faces if len(frame)]
    if not seen:
        raise Undefined("no face found")
    if len(seen) < SEEN * len(faces):
        raise Undefined(f"a face in {len(seen)} of {len(faces)} frames, at least {SEEN:.0%} needed")
    if anchor is None:
        anchor, seen = seen[0][0], seen[1:]
    if not seen:
        raise Undefined("too short: one frame with a face has nothing to be compared with")
    return float(np.mean([(frame @ anchor).max() for frame in seen]))


@dataclass(frozen=True)
class PatchIdentity(ClipMetric):
    """What Verse-Bench calls ID."""

    spec: MetricSpec
    context: MetricContext

    def check(self) -> str | None:
        """Returns which weights or packages are missing; None if none is."""
        from importlib.util import find_spec

        package = None if find_spec("transformers") else "not installed: pip install 'jova-bench[standard]'"
        return join_reasons(package, missing_opencv(), self.context.assets.missing(DINOV3))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares every frame with the prompt's reference image."""
        return self._measure(clip, prompt)

    def _measure(self, clip: Clip, prompt: Prompt | None) -> float:
        if clip.frames is None:
            raise Undefined("no video stream")
        if prompt is None or prompt.image is None:
            raise Undefined("no reference image")
        if reason := self.check():
            raise Unavailable(reason)
        image = face_embed.still(reference_image(prompt))
        anchor, patches = self._patches(image)[0], self._patches(clip)
        lengths = np.linalg.norm(patches, axis=1) * np.linalg.norm(anchor)
        return float((patches @ anchor / lengths).mean())

    def _patches(self, clip: Clip) -> FloatArray:
        """Returns the (T, D) tokens of the one patch."""
        frames = cast(Frames, clip.frames)
        key = CacheKey("dinov3", 1, self.context.assets.digest(DINOV3), {"token": TOKEN})
        kept = self.context.cache.get(clip.digest, key, lambda: {"tokens": patch_tokens(frames, self.context)})
        return np.asarray(kept["tokens"], dtype=np.float64)


def patch_tokens(frames: Frames, context: MetricContext) -> FloatArray:
    """Returns (T, D) of (T, H, W, 3): the last but one of [class, registers, patches row by row]."""
    import torch
    from torch.nn.functional import interpolate

    from jova_bench.metrics.networks import vision
    from jova_bench.metrics.networks.network_cache import cached_network
    from jova_bench.metrics.signal.frames import normalised

    assets, device = context.assets, context.device
    net = cached_network(
        f"dinov3[{assets.digest(DINOV3)}]@{device}", lambda: vision.dinov3(assets.find(DINOV3)).to(device)
    )
    found = []
    with torch.inference_mode():
        for start in range(0, len(frames), DINOV3_BATCH):
            batch = np.ascontiguousarray(frames[start : start + DINOV3_BATCH])
            pixels = torch.from_numpy(batch).permute(0, 3, 1, 2).float()
            pixels = interpolate(pixels, (DINOV3_SIDE, DINOV3_SIDE), mode="bilinear", antialias=True)
            shown = normalised(pixels, DINOV3_MEAN, DINOV3_DEVIATION).to(device)
            found.append(net(pixel_values=shown).last_hidden_state[:, TOKEN])
    return torch.cat(found).double().cpu().numpy()


IdentityVariant = Literal["clean", "opencv-haar", "mediapipe", "arcface", "versebench"]
"""Ours with the papers' detector or a lighter one, by another recogniser, and Verse-Bench's."""


def identity_score(context: MetricContext, variant: IdentityVariant = "clean") -> FaceIdentity | PatchIdentity:
    """Builds the identity score against the reference image."""
    if variant != "versebench":
        text = "cosine of a face recogniser between the faces of the clip and that of the prompt's reference image"
        return _face_identity("identity_score", text, True, variant, context)
    spec = MetricSpec(
        name="identity_score",
        version=1,
        profile="standard",
        backend="dinov3-vitl16-patch",
        protocol="versebench@5645a09",
        weights=context.assets.digest(DINOV3),
        direction="up",
        needs=("video", "image"),
        domain="clips with a reference image",
        description="cosine of one DINOv3 patch near the bottom right corner with the reference image's: no face in it",
        source="Verse-Bench dino/dinov3_inferencer.py, calculate_metrics.py @ 5645a09",
    )
    return PatchIdentity(spec, context)


def identity_consistency(
    context: MetricContext, variant: Literal["clean", "opencv-haar", "mediapipe", "arcface"] = "clean"
) -> FaceIdentity:
    """Builds the consistency of identity within the clip."""
    text = "cosine of a face recogniser between the clip's first face and those after it; a still scores 1"
    return _face_identity("identity_consistency", text, False, variant, context)


def _face_identity(name: str, description: str, of_image: bool, protocol: str, context: MetricContext) -> FaceIdentity:
    by_arcface = protocol == "arcface"
    chosen = detector({"clean": "s3fd", "arcface": arcface.DETECTOR}.get(protocol, protocol), context.assets)
    digest = context.assets.digest(arcface.WEIGHTS if by_arcface else face_embed.WEIGHTS)
    params: dict[str, str | int | float] = {"detector": chosen.settings, "every": face_embed.EVERY, "seen": SEEN}
    spec = MetricSpec(
        name=name,
        version=1,
        profile="standard",
        backend=f"{'arcface-r50' if by_arcface else 'facenet'}+{chosen.name}",
        weights=digest and f"{digest}+{chosen.weights()}",
        params=params if by_arcface else {**params, "margin": face_embed.MARGIN},
        direction="up",
        needs=("video", "image") if of_image else ("video",),
        domain="photographic faces seen from the front or half from the side",
        description=description,
        source="ArcFace, arXiv 1801.07698, as insightface @ 7fadd42 runs buffalo_l"
        if by_arcface
        else "recogniser of arXiv 1503.03832 as facenet-pytorch evaluates it",
    )
    return (ArcFaceIdentity if by_arcface else FaceIdentity)(spec, chosen.name, of_image, context)
