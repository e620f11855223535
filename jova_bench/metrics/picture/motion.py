"""MS, the motion score: how much a clip moves, by RAFT's optical flow.

Ours is a speed: the mean length of the flow, in diagonals of the picture per second. Clips of any size and frame rate
are measured alike: 8 pictures a second, 512 pixels long. Camera and subject count the same, flicker raises it, and a
cut is motion that never was. More is not better, so the value is to match that of real clips.

Verse-Bench's (raft/raft_inferencer.py, `evaluate_raft_video` @ 568efa4; at 5645a09 the function is still there and
nothing calls it) is in pixels per frame: it grows with the picture's size, falls with its frame rate, takes the mean
of |u| and |v| for a length, and lets the rows and columns count that pad a picture to multiples of 8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from jova_bench.arrays import Arrays, FloatArray, Frames, Indices
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.picture.sizes import too_small
from jova_bench.metrics.signal.opencv_resize import linear
from jova_bench.prompts import Prompt
from jova_bench.records import Direction, MetricSpec

if TYPE_CHECKING:
    from torch import Tensor

    from jova_bench.metrics.networks.raft import Raft


WEIGHTS = "raft-things"
ITERATIONS = 20
RATE = Fraction(8)
"""Pictures per second: moves of mouth and head are slower, and frame rates of models are higher."""
LONG_SIDE = 512
SHARE = 0.05
"""Share of the picture whose speed is its dynamic degree: the fastest pixels."""
MIN_SIDE = 64
"""Smallest side of a frame: below it, enlarged more than 8 times, the flow would be that of the enlargement."""
HALVE_ABOVE = 640
RAFT_SIDE, RAFT_STRIDE = 128, 8
"""RAFT takes sides that are multiples of 8 and at least 128 pixels; AMT, with as many levels, sides as long."""


@dataclass(frozen=True)
class MotionVariant:
    """How one bench measures motion."""

    name: str
    sample: Callable[[int, Fraction], Indices]
    """Count and rate of a clip's frames to those that are compared with the next. Raises Undefined."""
    show: Callable[[Frames], Tensor]
    """(H, W, 3) to the (1, 3, h, w) that RAFT sees; raises Undefined for a size that it cannot."""
    lengths: Mapping[str, Callable[[Tensor, tuple[int, int]], float]]
    """Lengths of a (1, 2, h, w) flow by metric, all of one pass; the size (H, W) of the frame."""
    value: Callable[[FloatArray, float], float]
    """(n,) lengths, and seconds between the first and the last frame compared, to the value."""
    params: dict[str, str | int | float]
    direction: Direction
    unit: str
    description: str
    source: str
    metric: str = "motion_score"


def eight_a_second(count: int, fps: Fraction) -> Indices:
    """Selects eight frames a second. Raises Undefined where there are fewer."""
    from jova_bench.metrics.signal.frames import resample_frame_indices

    if fps < RATE:
        raise Undefined(f"too few frames per second: {float(fps):.3g}, at least {float(RATE):.3g} needed")
    return resample_frame_indices(count, fps, RATE)


def speed(lengths: FloatArray, seconds: float) -> float:
    """Returns the length per second."""
    return float(lengths.sum() / seconds)


def show(frame: Frames, stride: int = RAFT_STRIDE) -> Tensor:
    """Scales to 512 pixels on the long side, low-passed; both sides multiples of the stride."""
    from torch.nn.functional import interpolate

    height, width = frame.shape[:2]
    if reason := too_small((height, width), MIN_SIDE):
        raise Undefined(reason)
    scale = LONG_SIDE / max(height, width)
    size = [stride * round(side * scale / stride) for side in (height, width)]
    if min(size) < RAFT_SIDE:
        raise Undefined(f"too narrow: {width}x{height}, at most {LONG_SIDE // RAFT_SIDE} to 1 can be measured")
    return interpolate(_pixels(frame), size, mode="bilinear", antialias=True)


def frame_lengths(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Returns (h, w) lengths in pixels of the frame, to whose shape the flow of the scaled picture is brought."""
    height, width = size
    across, down = flow[0].double()
    return (across * (width / flow.shape[3])).hypot(down * (height / flow.shape[2]))


def _mean(flow: Tensor, size: tuple[int, int]) -> float:
    """Returns the mean length in diagonals of the frame."""
    return float(frame_lengths(flow, size).mean() / np.hypot(*size))


def fastest(lengths: Tensor) -> float:
    """Returns the mean of the greatest twentieth of (h, w) lengths."""
    flat = lengths.flatten()
    return float(flat.topk(int(len(flat) * SHARE)).values.mean())


def _fastest_diagonals(flow: Tensor, size: tuple[int, int]) -> float:
    return fastest(frame_lengths(flow, size)) / float(np.hypot(*size))


def _show_halved(frame: Frames) -> Tensor:
    """Scales a frame down by halves until no side is over 640, then repeats the edges up to multiples of 8.

    The scaling is OpenCV's bilinear, with no low pass.
    """
    height, width = frame.shape[:2]
    while height > HALVE_ABOVE or width > HALVE_ABOVE:
        height, width = height // 2, width // 2
    return padded(linear(frame, height, width), " once halved,")


def padded(frame: Frames, when: str = ",", stride: int = RAFT_STRIDE, network: str = "RAFT") -> Tensor:
    """Repeats the edges of a frame up to multiples of the stride; `when` it is too small is part of the reason."""
    from torch.nn.functional import pad

    height, width = frame.shape[:2]
    more_rows, more_columns = (-side % stride for side in (height, width))
    before_rows, before_columns = more_rows // 2, more_columns // 2
    edges = [before_columns, more_columns - before_columns, before_rows, more_rows - before_rows]
    if min(height + more_rows, width + more_columns) < RAFT_SIDE:
        raise Undefined(f"too small: {width}x{height}{when} {network} needs {RAFT_SIDE} pixels on each side")
    return pad(_pixels(frame), edges, mode="replicate")


def _mean_of_both(flow: Tensor, size: tuple[int, int]) -> float:
    """Returns the mean of |u| and |v| in pixels, padding included."""
    return float(flow.abs().mean())


def _pixels(frame: Frames) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1).float()[None]


VARIANTS = {
    "clean": MotionVariant(
        name="clean",
        sample=eight_a_second,
        show=show,
        lengths={"motion_score": _mean, "dynamic_degree": _fastest_diagonals},
        value=speed,
        params={"fps": int(RATE), "long_side": LONG_SIDE},
        direction="target",
        unit="diagonals/s",
        description="mean speed of the optical flow; more is not better, it is to match that of real clips",
        source="flow of arXiv 2003.12039",
    ),
    "versebench": MotionVariant(
        name="versebench@568efa4",
        sample=lambda count, fps: np.arange(count),
        show=_show_halved,
        lengths={"motion_score": _mean_of_both},
        value=lambda lengths, seconds: float(lengths.mean()),
        params={},
        direction="up",
        unit="pixels/frame",
        description="mean of |u| and |v| of the flow between frames: depends on picture size and frame rate",
        source="Verse-Bench raft/raft_inferencer.py, calculate_metrics.py @ 568efa4",
    ),
}


class MotionScore(ClipMetric):
    """How much a clip moves, by one variant."""

    def __init__(self, protocol: MotionVariant, context: MetricContext) -> None:
        super().__init__(context)
        self._protocol = protocol
        self._digest = self.assets.digest(WEIGHTS)
        self.spec = MetricSpec(
            name=protocol.metric,
            version=1,
            profile="standard",
            backend=WEIGHTS,
            protocol=protocol.name,
            weights=self._digest,
            params={"iterations": ITERATIONS, **protocol.params},
            unit=protocol.unit,
            direction=protocol.direction,
            needs=("video",),
            domain="one shot: a cut counts as motion",
            description=protocol.description,
            source=protocol.source,
        )

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return self.assets.missing(WEIGHTS)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures the motion of the frames; a still clip scores about 0."""
        return self._measure(clip)

    def _measure(self, clip: Clip) -> float:
        if clip.frames is None:
            raise Undefined("no video stream")
        frames = clip.frames
        shown = self._protocol.sample(len(frames), clip.fps)
        if len(shown) < 2:
            raise Undefined("too short: motion needs two pictures")
        self._protocol.show(frames[0])  # Whether there is an answer does not depend on what is installed.
        if reason := self.check():
            raise Unavailable(reason)
        key = CacheKey("raft", 2, self._digest, {"variant": self._protocol.name})
        lengths = self.cache.get(clip.digest, key, lambda: self._lengths(frames, shown))[self.spec.name]
        return self._protocol.value(np.asarray(lengths), float((shown[-1] - shown[0]) / clip.fps))

    def _lengths(self, frames: Frames, shown: Indices) -> Arrays:
        """Returns the (T - 1,) lengths of the flow from each frame to the next, by metric."""
        import torch

        from jova_bench.metrics.networks.network_cache import cached_network

        net = cached_network(f"raft[{self._digest}]@{self.device}", lambda: load(self.assets, self.device))
        size = cast(tuple[int, int], frames.shape[1:3])
        before = None
        found: dict[str, list[float]] = {name: [] for name in self._protocol.lengths}
        with torch.inference_mode():
            for k in shown:
                seen = net.encode(self._protocol.show(frames[k]).to(self.device))
                if before is not None:
                    flow = net.flow(before, seen, ITERATIONS)
                    for name, length in self._protocol.lengths.items():
                        found[name].append(length(flow, size))
                before = seen
        return {name: np.array(lengths) for name, lengths in found.items()}


def load(assets: AssetTable, device: str) -> Raft:
    """Loads RAFT with its published weights."""
    from jova_bench.metrics.networks import checkpoint, raft

    path = assets.find(WEIGHTS)
    net = checkpoint.load_weights(raft.Raft(), raft.state_of(checkpoint.tensors(path)), path)
    return cast(raft.Raft, net.to(device))


def motion_score(context: MetricContext, variant: Literal["clean", "versebench"] = "clean") -> MotionScore:
    """Builds the metric of one variant."""
    return MotionScore(VARIANTS[variant], context)
