"""A metric of clips as a `torchmetrics.Metric`, for training loops, as `docs/training-loop.md` shows.

Clips that are undefined or failed are counted and leave the value alone; `why` gives their reasons.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, get_args

import torch
from torch import Tensor

from jova_bench.errors import OUTSIDE, BenchError, Undefined, reason_of
from jova_bench.formatting.messages import shown
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric
from jova_bench.metrics.speech.errors import transcript_length
from jova_bench.metrics.torch_counting import CountingMetric
from jova_bench.metrics.torch_inputs import Array
from jova_bench.prompts import Prompt
from jova_bench.records import Outcome, Timing


class TorchMetric(CountingMetric):
    """Scores clip after clip: the mean over those that are ok. Each update is one clip.

    `why` says why clips had no value, and how many, or is None.
    """

    total: Tensor
    weight: Tensor

    def __init__(self, metric: ClipMetric, in_domain: bool = False, timing: Timing = "free", **kwargs: Any) -> None:
        """Wraps a clip metric for a training loop.

        Args:
            metric: what scores a clip.
            in_domain: the clips are drawn faces of the shipped corpus; embedded metrics are undefined without, and of
                other sizes or rates than the corpus's.
            timing: how the clips relate in time to their references.
            **kwargs: of `torchmetrics.Metric`.
        """
        super().__init__("clip", metric, in_domain, **kwargs)
        if timing not in get_args(Timing):
            raise BenchError(f"expected timing= {', '.join(get_args(Timing))}, got {shown(timing)}")
        self.metric = metric
        self.timing = timing
        for name, zero in (("total", torch.tensor(0.0, dtype=torch.float64)), ("weight", torch.tensor(0))):
            self.add_state(name, zero, dist_reduce_fx="sum")

    def update(
        self,
        frames: Array | None,
        audio: Array | None,
        *,
        fps: Fraction | float | None,
        sample_rate_hz: int | None,
        prompt: Prompt | None = None,
        reference: Clip | None = None,
    ) -> None:
        """Scores one clip.

        Args:
            frames: (T, H, W, 3) uint8 RGB, or None.
            audio: (N,) or (channels, N), in [-1, 1] or in whole numbers of 8, 16 or 32 bits, or None.
            fps: frames per second; None without frames.
            sample_rate_hz: of `audio`; None without.
            prompt: what the clip was made for.
            reference: the real clip of the prompt.

        Raises:
            BenchError: what was given is no clip.
        """
        for name, given, kind in (("prompt", prompt, Prompt), ("reference", reference, Clip)):
            if given is not None and not isinstance(given, kind):
                raise BenchError(f"expected {name}= as a jova_bench.{kind.__name__}, got {type(given).__name__}")
        clip = self._clip(frames, audio, fps, sample_rate_hz, self.timing)
        outcome = self._outcome(clip, prompt, reference)
        if outcome.value is None:
            self._count(outcome)
            return
        micro = self.metric.spec.micro
        weight = transcript_length(prompt, micro) if micro else 1
        self.total += weight * outcome.value
        self.weight += weight
        self.ok += 1

    def compute(self) -> Tensor:
        """Returns the mean over the clips that are ok, NaN when none is."""
        self._keep_why(self._why())
        return self.total / self.weight

    def _why(self) -> str | None:
        return super()._why() or (None if int(self.ok) else "no clip was given")

    def _outcome(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> Outcome:
        """Computes the metric of a clip; an exception is a failure of this clip, as it is in `score`."""
        if self._outside(clip):
            return Outcome(status="undefined", reason=OUTSIDE)
        try:
            return self.metric.score(clip, prompt, reference)
        except Undefined as reason:
            return Outcome(status="undefined", reason=str(reason))
        except Exception as error:
            return Outcome(status="failed", reason=reason_of(error))
