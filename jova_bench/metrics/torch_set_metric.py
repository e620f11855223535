"""A metric of a set of clips as a `torchmetrics.Metric`, for training loops, as `docs/training-loop.md` shows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from jova_bench.arrays import FloatArray
from jova_bench.errors import IN_DOMAIN_HINT, OUTSIDE, BenchError, Unavailable, Undefined, reason_of
from jova_bench.metrics.base import SetMetric
from jova_bench.metrics.distances.features import real_features
from jova_bench.metrics.distances.frechet_kernel import stack
from jova_bench.metrics.torch_counting import CountingMetric
from jova_bench.metrics.torch_inputs import Array, batch_of, check_flag, features_of_states
from jova_bench.records import Outcome

NO_REAL_CLIPS = "expected real clips or a reference, not both: the metric was made with a reference"


class TorchSetMetric(CountingMetric):
    """Distance of all clips seen so far from real ones: FVD, FAD and their like.

    The real clips are those of `update(..., real=True)`, else the reference given, else the metric's own. After
    `compute`, `why` says why a distance is NaN (too few clips, no reference set), or is None; before, why clips have no
    features.
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
        """Wraps a set metric for a training loop.

        Args:
            metric: what embeds clips and measures the distance.
            reference: (m, d) or (m, p, d) features of real clips, as the metric's `features` gives them.
            in_domain: as in `TorchMetric`.
            reset_real: whether `reset` forgets the real clips, too; False for the same ones in every epoch.
            **kwargs: of `torchmetrics.Metric`.
        """
        super().__init__("set", metric, in_domain, **kwargs)
        check_flag("reset_real", reset_real)
        self.metric: SetMetric = metric if reference is None else _against(metric, real_features(reference))
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
        *,
        fps: Fraction | float | None,
        sample_rate_hz: int | None,
        real: bool = False,
    ) -> None:
        """Adds one clip, or a batch of clips of one size; an empty batch adds none, as in every torchmetrics metric.

        Args:
            frames: (T, H, W, 3) or (B, T, H, W, 3) uint8 RGB, or None.
            audio: (N,), (channels, N) or (B, channels, N), as in `TorchMetric`, or None.
            fps: frames per second; None without frames.
            sample_rate_hz: of `audio`; None without.
            real: these are real clips, to compare with.

        Raises:
            BenchError: real clips beside a given reference.
            Undefined, Unavailable: a real clip has no features; the reference set must be whole.
        """
        check_flag("real", real)
        if real and self._given:
            raise BenchError(NO_REAL_CLIPS)
        for picture, sound in batch_of(frames, audio):
            clip = self._clip(picture, sound, fps, sample_rate_hz, "reference" if real else "free")
            if real and self._outside(clip):
                raise Undefined(f"{OUTSIDE}; {IN_DOMAIN_HINT}")
            if real:
                self._keep(self.metric.features(clip), self.real, self.real_shapes)
                continue
            try:
                if self._outside(clip):
                    raise Undefined(OUTSIDE)
                self._keep(self.metric.features(clip), self.made, self.made_shapes)
                self.ok += 1
            except Undefined as reason:
                self._count(Outcome(status="undefined", reason=str(reason)))
            except Exception as error:
                self._count(Outcome(status="failed", reason=reason_of(error)))

    def compute(self) -> Tensor:
        """Returns the distance, NaN when it has none."""
        why = None
        try:
            real = features_of_states(self.real, self.real_shapes)
            metric = _against(self.metric, stack(real)) if real else self.metric
            value = (
                metric.distance(stack(features_of_states(self.made, self.made_shapes)))
                if int(self.ok)
                else self._nothing()
            )
        except (Undefined, Unavailable) as reason:
            why, value = str(reason), float("nan")
        self._keep_why(why)
        return torch.tensor(value, dtype=torch.float64, device=self.device)

    def reset(self) -> None:
        """Resets the clips; the real ones stay where the metric was set to keep them."""
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
        raise Undefined(f"no clip has features: {self._why() or 'no clip was given'}")


def _against(metric: SetMetric, reference: FloatArray) -> SetMetric:
    """Returns the metric with other real clips. Raises BenchError, in one line, where it does not take them."""
    try:
        return metric.against(reference)
    except (BenchError, Undefined, Unavailable):
        raise
    except Exception as error:
        raise BenchError(f"{metric.spec.name} does not take these real clips: {reason_of(error)}") from error
