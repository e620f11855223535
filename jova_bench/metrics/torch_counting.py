"""What all metrics of a training loop share: how many clips had a value, and why the others had none.

Counts and reasons are states, as values are: they sync between processes, merge and reset as torchmetrics promises.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from jova_bench.errors import IN_DOMAIN_HINT, OUTSIDE, BenchError
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import in_domain
from jova_bench.metrics.torch_inputs import Array, check_flag, clip_of
from jova_bench.metrics.torch_reasons import counted, encoded, listed
from jova_bench.records import Outcome, Timing


class CountingMetric(Metric):
    """What both kinds share: a metric, how many clips had a value, and why the others had none."""

    full_state_update = False
    metric: Any
    ok: Tensor
    undefined: Tensor
    failed: Tensor
    reasons: list[Tensor]

    def __init__(self, level: str, metric: Any, in_domain: bool, **kwargs: Any) -> None:
        spec = getattr(metric, "spec", None)
        if spec is None or spec.level != level:
            got = f"{spec.name}, a metric of a {spec.level}" if spec else repr(metric)
            right = {"clip": "TorchSetMetric", "set": "TorchMetric"}[level]
            raise BenchError(f"expected a metric of a {level}, got {got}; {right} takes the other kind")
        check_flag("in_domain", in_domain)
        try:
            super().__init__(**kwargs)
        except (TypeError, ValueError) as error:
            raise BenchError(f"expected options of {type(self).__name__} or torchmetrics.Metric: {error}") from error
        self.in_domain = in_domain
        self._computed_why: str | None = None
        self._computed_at: int | None = None
        # States that hold nothing yet are gathered as tensors of the metric's dtype.
        self.set_dtype(torch.float64)
        for name in ("ok", "undefined", "failed"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("reasons", [], dist_reduce_fx="cat")

    @property
    def why(self) -> str | None:
        """Returns the reasons for missing values, with the number of clips for each; None where nothing is missing.

        After `compute` they are of the clips of all processes, as its value is; before, of this process's.
        """
        return self._computed_why if self._computed_at == self.update_count else self._why()

    def reset(self) -> None:
        """Resets the clips and the reasons why some have no value."""
        super().reset()
        self._computed_at = None

    @property
    def higher_is_better(self) -> bool | None:  # type: ignore[override]
        """Whether a higher value is better; None for a metric that is to match real clips."""
        return {"up": True, "down": False}.get(self.metric.spec.direction)

    def _clip(
        self,
        frames: Array | None,
        audio: Array | None,
        fps: Fraction | float | None,
        rate_hz: int | None,
        timing: Timing,
    ) -> Clip:
        """Builds a clip, in or out of the embedded evaluators' domain by its format."""
        clip = clip_of(frames, audio, fps, rate_hz, timing)
        return replace(clip, in_domain=in_domain(clip, "embedded" if self.in_domain else None))

    def _outside(self, clip: Clip) -> bool:
        """Returns whether the clip is outside the domain of an embedded evaluator."""
        return self.metric.spec.profile == "embedded" and not clip.in_domain

    def _count(self, outcome: Outcome) -> None:
        self.undefined += outcome.status == "undefined"
        self.failed += outcome.status == "failed"
        reasons = counted(self.reasons) + Counter([str(outcome.reason)])
        self.reasons = [encoded(reasons).to(self.device)]

    def _keep_why(self, why: str | None) -> None:
        """Stores the reason that belongs to a computed value, until the next update."""
        self._computed_why, self._computed_at = why, self.update_count

    def _why(self) -> str | None:
        """Returns what `why` is of the present states."""
        reasons = counted(self.reasons)
        return f"{listed(reasons)}; {IN_DOMAIN_HINT}" if OUTSIDE in reasons else listed(reasons)
