"""Any metric as a `torchmetrics.Metric`, for training loops: `docs/training-loop.md` shows both kinds at work.

Clips that are undefined or failed are counted and leave the value alone. States sync between processes as torchmetrics
promises.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from jova_bench.media import clip_from_arrays
from jova_bench.metrics.base import ClipMetric, FloatArray, SetMetric
from jova_bench.metrics.distance import stack
from jova_bench.metrics.wer import transcript_length
from jova_bench.types import BenchError, Clip, Prompt, Timing, Unavailable, Undefined

Array = Tensor | np.ndarray[Any, Any]
NO_REAL_CLIPS = "expected real clips or a reference, not both: the metric was made with a reference"


class _Counting(Metric):
    """What both kinds share: a metric, and how many clips it had an answer for."""

    full_state_update = False
    ok: Tensor
    undefined: Tensor
    failed: Tensor

    def __init__(self, in_domain: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.in_domain = in_domain
        # States that hold nothing yet are gathered as tensors of the metric's dtype.
        self.set_dtype(torch.float64)
        for name in ("ok", "undefined", "failed"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")


class TorchMetric(_Counting):
    """Scores clip after clip: the mean over those that are ok. Each update is one clip."""

    total: Tensor
    weight: Tensor

    def __init__(self, metric: ClipMetric, in_domain: bool = False, timing: Timing = "free", **kwargs: Any) -> None:
        """Wraps a metric.

        Args:
            metric: what scores a clip.
            in_domain: the clips are drawn faces of the shipped corpus; embedded metrics are undefined without.
            timing: how the clips relate in time to their references.
            **kwargs: of `torchmetrics.Metric`.
        """
        super().__init__(in_domain, **kwargs)
        self.metric = metric
        self.timing = timing
        for name, zero in (("total", torch.tensor(0.0, dtype=torch.float64)), ("weight", torch.tensor(0))):
            self.add_state(name, zero, dist_reduce_fx="sum")

    def update(
        self,
        frames: Array | None,
        audio: Array | None,
        fps: Fraction | float = 25,
        sample_rate_hz: int = 16_000,
        prompt: Prompt | None = None,
        reference: Clip | None = None,
    ) -> None:
        """Scores one clip.

        Args:
            frames: (T, H, W, 3) uint8 RGB, or None.
            audio: (N,) or (channels, N) in [-1, 1], or None.
            fps: frames per second.
            sample_rate_hz: of `audio`.
            prompt: what was asked for.
            reference: the real clip of the prompt.
        """
        clip = _clip(frames, audio, fps, sample_rate_hz, self.in_domain, self.timing)
        outcome = self.metric.score(clip, prompt, reference)
        if outcome.value is None:
            self.undefined += outcome.status == "undefined"
            self.failed += outcome.status == "failed"
            return
        micro = self.metric.spec.micro
        weight = transcript_length(prompt, micro) if micro else 1
        self.total += weight * outcome.value
        self.weight += weight
        self.ok += 1

    def compute(self) -> Tensor:
        """Mean over the clips that are ok, NaN when none is."""
        return self.total / self.weight


class TorchSetMetric(_Counting):
    """Distance of all clips seen so far from real ones: FVD, FAD and their like.

    The real clips are those of `update(..., real=True)`, else the reference given, else the metric's own. After
    `compute`, `why` says why a distance is NaN (too few clips, no reference set), or is None.
    """

    made: list[Tensor]
    made_shapes: list[Tensor]
    real: list[Tensor]
    real_shapes: list[Tensor]

    def __init__(
        self,
        metric: SetMetric,
        reference: Array | None = None,
        in_domain: bool = False,
        reset_real: bool = True,
        **kwargs: Any,
    ) -> None:
        """Wraps a metric.

        Args:
            metric: what embeds clips and measures the distance.
            reference: (m, d) or (m, p, d) features of real clips, as the metric's `features` gives them.
            in_domain: as in `TorchMetric`.
            reset_real: whether `reset` forgets the real clips, too; False for the same ones in every epoch.
            **kwargs: of `torchmetrics.Metric`.
        """
        super().__init__(in_domain, **kwargs)
        self.metric = metric if reference is None else metric.against(_numpy(reference).astype(np.float64))
        self.why: str | None = None
        self._given = reference is not None
        self._reset_real = reset_real
        # Features of all clips in one line of numbers, and (vectors, dimensions) of each: a process that has seen no
        # clip yet has no numbers, which is a shape that torchmetrics can gather.
        for name in ("made", "made_shapes", "real", "real_shapes"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(
        self,
        frames: Array | None,
        audio: Array | None,
        fps: Fraction | float = 25,
        sample_rate_hz: int = 16_000,
        real: bool = False,
    ) -> None:
        """Takes one clip, or a batch of clips of one size.

        Args:
            frames: (T, H, W, 3) or (B, T, H, W, 3) uint8 RGB, or None.
            audio: (N,), (channels, N) or (B, channels, N) in [-1, 1], or None.
            fps: frames per second.
            sample_rate_hz: of `audio`.
            real: these are real clips, to compare with.

        Raises:
            BenchError: real clips beside a given reference.
            Undefined, Unavailable: a real clip has no features; the reference set must be whole.
        """
        if real and self._given:
            raise BenchError(NO_REAL_CLIPS)
        for picture, sound in _batch(frames, audio):
            clip = _clip(picture, sound, fps, sample_rate_hz, self.in_domain, "reference" if real else "free")
            if real:
                self._keep(self.metric.features(clip), self.real, self.real_shapes)
                continue
            try:
                self._keep(self.metric.features(clip), self.made, self.made_shapes)
                self.ok += 1
            except Undefined:
                self.undefined += 1
            except Unavailable:
                self.failed += 1

    def compute(self) -> Tensor:
        """The distance, NaN when it has none."""
        self.why = None
        try:
            real = _features(self.real, self.real_shapes)
            metric = self.metric.against(stack(real)) if real else self.metric
            value = metric.distance(stack(_features(self.made, self.made_shapes))) if int(self.ok) else self._nothing()
        except (Undefined, Unavailable) as reason:
            self.why, value = str(reason), float("nan")
        return torch.tensor(value, dtype=torch.float64, device=self.device)

    def reset(self) -> None:
        """Forgets the clips; the real ones stay where the metric was told to keep them."""
        kept = None if self._reset_real else (list(self.real), list(self.real_shapes))
        super().reset()
        if kept is not None:
            self.real, self.real_shapes = kept

    def _keep(self, features: FloatArray, values: list[Tensor], shapes: list[Tensor]) -> None:
        values.append(torch.as_tensor(features, dtype=torch.float64, device=self.device).reshape(-1))
        # 0 vectors stand for a clip that has one and no axis for it.
        shape = (0, len(features)) if features.ndim == 1 else features.shape
        shapes.append(torch.tensor(shape, dtype=torch.float64, device=self.device))

    def _nothing(self) -> float:
        raise Undefined("no clip has features")


def _features(values: list[Tensor] | Tensor, shapes: list[Tensor] | Tensor) -> list[FloatArray]:
    """The (d,) or (p, d) features of each clip, from states before a sync (lists) or after it (tensors)."""
    line, sizes = _line(values), _line(shapes).astype(int).reshape(-1, 2)
    found, start = [], 0
    for vectors, dimensions in sizes:
        count = max(vectors, 1) * dimensions
        one = line[start : start + count]
        found.append(one.reshape(vectors, dimensions) if vectors else one)
        start += count
    return found


def _line(state: list[Tensor] | Tensor) -> FloatArray:
    if isinstance(state, list):
        state = torch.cat(state) if state else torch.zeros(0)
    return _numpy(state)


def _batch(frames: Array | None, audio: Array | None) -> list[tuple[Array | None, Array | None]]:
    """The clips of a batch; what has no batch axis is one clip."""
    batched = [one for one, axes in ((frames, 5), (audio, 3)) if one is not None and one.ndim == axes]
    if not batched:
        return [(frames, audio)]
    if any(one is not None and not any(one is other for other in batched) for one in (frames, audio)):
        raise BenchError("expected frames and audio that both have a batch axis, got it in one of them")
    if len({len(one) for one in batched}) > 1:
        raise BenchError(f"expected as many pictures as sounds, got {len(batched[0])} and {len(batched[1])}")
    return [
        (None if frames is None else frames[i], None if audio is None else audio[i]) for i in range(len(batched[0]))
    ]


def _clip(
    frames: Array | None, audio: Array | None, fps: Fraction | float, rate_hz: int, in_domain: bool, timing: Timing
) -> Clip:
    return clip_from_arrays(
        None if frames is None else _numpy(frames),
        Fraction(fps).limit_denominator(1001),
        None if audio is None else np.atleast_2d(_numpy(audio)).astype(np.float32),
        rate_hz,
        in_domain=in_domain,
        timing=timing,
    )


def _numpy(array: Array) -> np.ndarray[Any, Any]:
    return array.detach().cpu().numpy() if isinstance(array, Tensor) else array
