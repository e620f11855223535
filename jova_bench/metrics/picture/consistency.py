"""Subject and background consistency: whether what a clip shows stays what it is.

Both compare frames of one clip by a network: DINO ViT-B/16, which is moved by the subject, and CLIP ViT-B/32, which is
moved by the scene. Neither cuts one out of the other: `background_consistency` departs from its name, for it sees the
whole frame. A still has the best value there is, so they are to be read beside `dynamic_degree`.

VBench (vbench/subject_consistency.py, background_consistency.py @ 45e79ec) takes the mean of each frame's cosines with
the frame before and with the first. The one grows with the frame rate, the other falls with a clip's length, and all
hangs on the first frame. Ours takes 4 frames a second and all pairs up to 1.75 s apart; each distance counts the same,
so clips of any rate and length are asked the same question. VBench's total over clips, moreover, may weigh clips by
their frames; here a clip has one value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec

import numpy as np

from jova_bench.arrays import FloatArray, Indices
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.picture import frame_vectors as networks
from jova_bench.metrics.picture.frame_vectors import FrameVectors, cosines
from jova_bench.metrics.picture.sizes import too_small
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

RATE = Fraction(4)
"""Frames per second."""
STEPS = 7
"""Farthest apart, in frames of that rate: 1.75 s, which clips of 2 s have."""
MIN_SIDE = 32
"""Pixels of the shorter side; of less, networks see the enlargement."""


@dataclass(frozen=True)
class ConsistencyVariant:
    """Which frames are compared, and how."""

    name: str
    """`clean`, or `BENCH@COMMIT`."""
    sample: Callable[[int, Fraction], Indices]
    """Count and rate of a clip's frames to those that are seen. Raises Undefined."""
    value: Callable[[FloatArray], float]
    """(n, D) vectors to the value."""
    params: dict[str, str | int | float]
    says: str
    """Description in `ls metrics`, after what is seen."""


def _four_a_second(count: int, fps: Fraction) -> Indices:
    from jova_bench.metrics.signal.frames import resample_frame_indices

    if fps < RATE:
        raise Undefined(f"too few frames per second: {float(fps):.3g}, at least {float(RATE):.3g} needed")
    found = resample_frame_indices(count, fps, RATE)
    if len(found) <= STEPS:
        raise Undefined(f"too short: {float(count / fps):.2f} s, {float((STEPS + 1) / RATE):.3g} s needed")
    return found


def _all(count: int, fps: Fraction) -> Indices:
    if count < 2:
        raise Undefined("too short: one frame compares with nothing")
    return np.arange(count)


def nearby(vectors: FloatArray) -> float:
    """Returns the mean cosine of frames 1 to 7 steps apart; each distance counts the same."""
    return float(np.mean([cosines(vectors[:-step], vectors[step:]).mean() for step in range(1, STEPS + 1)]))


def before_and_first(vectors: FloatArray) -> float:
    """Returns the mean of each frame's cosines with the frame before and with the first, none below 0."""
    before, first = cosines(vectors[:-1], vectors[1:]), cosines(vectors[:1], vectors[1:])
    return float((np.maximum(before, 0) + np.maximum(first, 0)).mean() / 2)


VARIANTS = {
    "clean": ConsistencyVariant(
        "clean",
        _four_a_second,
        nearby,
        {"fps": int(RATE), "steps": STEPS},
        "mean cosine of frames up to 1.75 s apart",
    ),
    "vbench": ConsistencyVariant(
        "vbench@45e79ec",
        _all,
        before_and_first,
        {},
        "mean cosine of every frame with the frame before and with the first: depends on frame rate and length",
    ),
}


class Consistency(ClipMetric):
    """How alike the frames of a clip are to a network."""

    def __init__(
        self, name: str, network: FrameVectors, seen: str, variant: ConsistencyVariant, context: MetricContext
    ) -> None:
        super().__init__(context)
        self._network, self._variant = network, variant
        upstream = f"VBench vbench/{name}.py @ 45e79ec"
        self.spec = MetricSpec(
            name=name,
            version=1,
            profile="standard",
            backend=network.weights,
            protocol=variant.name,
            weights=self.assets.digest(network.weights),
            params=variant.params,
            unit="cosine",
            direction="up",
            needs=("video",),
            domain="one shot: a cut is another scene",
            description=f"{variant.says}, {seen}; a still scores 1",
            source=upstream if variant.name != "clean" else f"after {upstream}",
        )

    def check(self) -> str | None:
        """Returns which package or weights are missing; None if none is."""
        there = not self._network.transformers or find_spec("transformers")
        package = None if there else "not installed: pip install 'jova-bench[standard]'"
        return join_reasons(package, self.assets.missing(self._network.weights))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the clip's frames with each other; `prompt` and `reference` are ignored."""
        if clip.frames is None:
            raise Undefined("no video stream")
        frames = clip.frames
        if self._variant.name == "clean" and (reason := too_small(frames.shape[1:3], MIN_SIDE)):
            raise Undefined(reason)
        shown = self._variant.sample(len(frames), clip.fps)
        if reason := self.check():
            raise Unavailable(reason)
        digest = self.assets.digest(self._network.weights)
        key = CacheKey(f"{self._network.weights}-consistency", 1, digest, {"variant": self._variant.name})

        def embed() -> dict[str, FloatArray]:
            return {"vectors": self._network.embed(frames[shown], self.assets, self.device)}

        kept = self.cache.get(clip.digest, key, embed)
        return self._variant.value(np.asarray(kept["vectors"], dtype=np.float64))


def subject_consistency(context: MetricContext, variant: str) -> Consistency:
    """Builds the consistency that DINO sees."""
    network = networks.DINO_CLEAN if variant == "clean" else networks.DINO_VBENCH
    return Consistency("subject_consistency", network, "by DINO ViT-B/16", VARIANTS[variant], context)


def background_consistency(context: MetricContext, variant: str) -> Consistency:
    """Builds the consistency that CLIP sees."""
    network = networks.CLIP_CLEAN if variant == "clean" else networks.CLIP_VBENCH
    seen = "by CLIP ViT-B/32, subject included"
    return Consistency("background_consistency", network, seen, VARIANTS[variant], context)
