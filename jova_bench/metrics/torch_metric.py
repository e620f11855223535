"""Any clip metric as a `torchmetrics.Metric`, for training loops: the mean over ok, and counts as states."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from jova_bench.media import clip_from_arrays
from jova_bench.metrics.base import ClipMetric
from jova_bench.metrics.wer import transcript_words
from jova_bench.types import Clip, Prompt, Timing

Array = Tensor | np.ndarray[Any, Any]


class TorchMetric(Metric):
    """Scores clip after clip; clips that are undefined or failed are counted and leave the mean alone.

    Each update is one clip. After a `reset` or a sync between processes it behaves as torchmetrics promises.
    """

    full_state_update = False
    total: Tensor
    weight: Tensor
    ok: Tensor
    undefined: Tensor
    failed: Tensor

    def __init__(self, metric: ClipMetric, in_domain: bool = False, timing: Timing = "free", **kwargs: Any) -> None:
        """Wraps a metric.

        Args:
            metric: what scores a clip.
            in_domain: the clips are drawn faces of the shipped corpus; embedded metrics are undefined without.
            timing: how the clips relate in time to their references.
            **kwargs: of `torchmetrics.Metric`.
        """
        super().__init__(**kwargs)
        self.metric = metric
        self.in_domain = in_domain
        self.timing = timing
        for name, zero in (("total", torch.tensor(0.0, dtype=torch.float64)), ("weight", torch.tensor(0))):
            self.add_state(name, zero, dist_reduce_fx="sum")
        for name in ("ok", "undefined", "failed"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")

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
        clip = clip_from_arrays(
            None if frames is None else _numpy(frames),
            Fraction(fps).limit_denominator(1001),
            None if audio is None else np.atleast_2d(_numpy(audio)).astype(np.float32),
            sample_rate_hz,
            in_domain=self.in_domain,
            timing=self.timing,
        )
        outcome = self.metric.score(clip, prompt, reference)
        if outcome.value is None:
            self.undefined += outcome.status == "undefined"
            self.failed += outcome.status == "failed"
            return
        weight = transcript_words(prompt) if self.metric.spec.micro == "transcript_words" else 1
        self.total += weight * outcome.value
        self.weight += weight
        self.ok += 1

    def compute(self) -> Tensor:
        """Mean over the clips that are ok, NaN when none is."""
        return self.total / self.weight


def _numpy(array: Array) -> np.ndarray[Any, Any]:
    return array.detach().cpu().numpy() if isinstance(array, Tensor) else array
