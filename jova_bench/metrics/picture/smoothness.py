"""Motion smoothness: whether a picture is what lies between the one before and the one after, as AMT-S draws it.

Ours asks where the picture changes most, in its fastest twentieth, how far it is from what was drawn, as a share of
the change. So a clip does not become smooth by moving little, and of one in which nothing moves there is nothing to
ask. Neighbours are about 1/12 s apart, by 1, 2, 4 or 8 frames, and each frame has its turn: a clip whose frames are all
shown twice has the same value at any rate, and one whose frames are repeated and dropped has a lower one. Flicker
lowers it, too, and so does all that AMT-S cannot draw, as a fast turn, in real clips as well: it is to be read beside
theirs.

VBench (vbench/motion_smoothness.py @ 45e79ec) draws every second frame from its neighbours and takes the mean
difference from 255. A still is the smoothest clip, a dark one smoother than a bright one, and the neighbours are nearer
at a higher frame rate. What was drawn is cut to whole levels and not rounded. Its frames are of their own size, as
here; upstream, on a GPU whose memory would not hold them, the flow is found at a smaller one, so that its number
depends on the GPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from jova_bench.arrays import FloatArray, Frames
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.picture import motion
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

if TYPE_CHECKING:
    from torch import Tensor

    from jova_bench.metrics.networks.amt import Amt

WEIGHTS = "amt-s"
RATE = 12
"""Neighbours per second."""
SHARE = 0.05
"""Share of the picture that counts: where it changes most."""
LEAST_CHANGE = 8.0
"""Mean change there, in levels of 255: less is noise."""
STRIDE = 16
"""AMT takes sides that are multiples of 16."""
Three = tuple[int, int, int]
"""Frames before, in the middle and after."""


@dataclass(frozen=True)
class SmoothnessVariant:
    """Which frames are drawn, and what is made of the difference."""

    name: str
    """`clean`, or `BENCH@COMMIT`."""
    choose: Callable[[int, Fraction], list[Three]]
    """Count and rate of a clip's frames to those that are looked at. Raises Undefined."""
    show: Callable[[Frames], Tensor]
    """(H, W, 3) to the (1, 3, h, w) that AMT sees; raises Undefined for a size that it cannot."""
    differ: Callable[[Tensor, list[Tensor], tuple[int, int]], tuple[float, float]]
    """What is drawn, the three frames as shown in 0 .. 1, and the size (H, W) to difference and change."""
    value: Callable[[FloatArray], float]
    """(n, 2) differences and changes to the value. Raises Undefined."""
    params: dict[str, str | int | float]
    unit: str
    description: str
    source: str


def every_frame(count: int, fps: Fraction) -> list[Three]:
    """Selects all frames that have neighbours about 1/12 s away, by the power of two of frames that is nearest.

    So at twice the rate they are twice as many frames away, as nearest whole numbers are not: 15 and 30 fps have 1 and
    3. From 12 fps on they are 1/17 to 2/17 s away, and at 24, 25 and 30 fps by two frames.
    """
    if fps < RATE:
        raise Undefined(f"too few frames per second: {float(fps):.3g}, at least {RATE} needed")
    apart = 2 ** round(math.log2(fps / RATE))
    return [(k - apart, k, k + apart) for k in range(apart, count - apart)]


def every_second(count: int, fps: Fraction) -> list[Three]:
    """Selects every second frame and its neighbours."""
    return [(k - 1, k, k + 1) for k in range(1, count - 1, 2)]


def where_it_changes(drawn: Tensor, seen: list[Tensor], size: tuple[int, int]) -> tuple[float, float]:
    """Returns the mean difference and the mean change where the picture changes most, in levels of 255."""
    before, middle, after = seen
    change = (after - before).abs().mean(dim=1).flatten()
    most, places = change.topk(int(len(change) * SHARE))
    difference = (drawn - middle).abs().mean(dim=1).flatten()[places]
    return 255 * float(difference.mean()), 255 * float(most.mean())


def everywhere(drawn: Tensor, seen: list[Tensor], size: tuple[int, int]) -> tuple[float, float]:
    """Returns the mean difference from what is drawn, cut to whole levels, without padding; the change is not asked."""
    height, width = size
    top, left = (drawn.shape[2] - height) // 2, (drawn.shape[3] - width) // 2
    apart = (255 * drawn).floor() - (255 * seen[1]).round()
    return float(apart[..., top : top + height, left : left + width].abs().double().mean()), 0.0


def share_of_the_change(found: FloatArray) -> float:
    """Returns 1 - difference / change, over the clip. Raises Undefined where nothing moves."""
    difference, change = found.mean(axis=0)
    if change < LEAST_CHANGE:
        raise Undefined(f"nothing moves: {change:.1f} levels of 255 where it moves most, {LEAST_CHANGE:g} needed")
    return float(1 - difference / change)


def from_255(found: FloatArray) -> float:
    """Returns 1 - difference / 255."""
    return float((255 - found[:, 0].mean()) / 255)


VARIANTS = {
    "clean": SmoothnessVariant(
        name="clean",
        choose=every_frame,
        show=partial(motion.show, stride=STRIDE),
        differ=where_it_changes,
        value=share_of_the_change,
        params={"apart": "1/12s", "share": SHARE, "long_side": motion.LONG_SIDE},
        unit="share of the change",
        description="1 - how far a picture is from what AMT-S draws between its neighbours, as a share of their "
        "difference, in the twentieth of the picture that changes most; fast turns and flicker lower it",
        source="after VBench vbench/motion_smoothness.py @ 45e79ec; frames drawn as in arXiv 2304.09790",
    ),
    "vbench": SmoothnessVariant(
        name="vbench@45e79ec",
        choose=every_second,
        show=partial(motion.padded, stride=STRIDE, network="AMT"),
        differ=everywhere,
        value=from_255,
        params={},
        unit="",
        description="1 - mean difference of every second frame from what AMT-S draws between its neighbours / 255: "
        "a still is smoothest, and high rates are smoother; flow at full size, as upstream where memory allows",
        source="VBench vbench/motion_smoothness.py @ 45e79ec",
    ),
}


class MotionSmoothness(ClipMetric):
    """How much a clip's pictures lie between their neighbours, by one variant."""

    def __init__(self, variant: SmoothnessVariant, context: MetricContext) -> None:
        super().__init__(context)
        self._variant = variant
        self._digest = self.assets.digest(WEIGHTS)
        self.spec = MetricSpec(
            name="motion_smoothness",
            version=1,
            profile="standard",
            backend=WEIGHTS,
            protocol=variant.name,
            weights=self._digest,
            params=variant.params,
            unit=variant.unit,
            direction="up",
            needs=("video",),
            domain="one shot: a cut is no motion",
            description=variant.description,
            source=variant.source,
        )

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return self.assets.missing(WEIGHTS)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures the clip's frames; `prompt` and `reference` are ignored."""
        if clip.frames is None:
            raise Undefined("no video stream")
        frames = clip.frames
        chosen = self._variant.choose(len(frames), clip.fps)
        if not chosen:
            raise Undefined("too short: no frame has a neighbour on each side")
        self._variant.show(frames[0])  # Whether there is an answer does not depend on what is installed.
        if reason := self.check():
            raise Unavailable(reason)
        key = CacheKey("amt-smoothness", 2, self._digest, {"variant": self._variant.name})
        found = self.cache.get(clip.digest, key, lambda: {"found": self._differences(frames, chosen)})["found"]
        return self._variant.value(np.asarray(found))

    def _differences(self, frames: Frames, chosen: list[Three]) -> FloatArray:
        """Returns (n, 2) differences from what is drawn and changes, in levels of 255."""
        from jova_bench.metrics.networks import shaped
        from jova_bench.metrics.networks.network_cache import cached_network

        net = cached_network(f"{WEIGHTS}[{self._digest}]@{self.device}", lambda: load(self.assets, self.device))
        size = cast(tuple[int, int], frames.shape[1:3])
        found = []
        with shaped.inference():
            for three in chosen:
                seen = [self._variant.show(frames[k]).to(self.device) / 255 for k in three]
                found.append(self._variant.differ(net.between(seen[0], seen[2]), seen, size))
        return np.array(found)


def load(assets: AssetTable, device: str) -> Amt:
    """Loads AMT-S with its published weights."""
    from jova_bench.metrics.networks import amt, checkpoint

    path = assets.find(WEIGHTS)
    net = checkpoint.load_weights(amt.Amt(), checkpoint.tensors(path, "state_dict"), path)
    return cast(amt.Amt, net.to(device))


def motion_smoothness(context: MetricContext, variant: str = "clean") -> MotionSmoothness:
    """Builds the metric of one variant."""
    return MotionSmoothness(VARIANTS[variant], context)
