"""Any metric as a `torchmetrics.Metric`, for training loops: `docs/training-loop.md` shows both kinds at work.

Clips that are undefined or failed are counted and leave the value alone; `why` gives their reasons. Values, counts and
reasons are states: they sync between processes, merge and reset as torchmetrics promises.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from jova_bench.arrays import FloatArray
from jova_bench.errors import BenchError, Unavailable, Undefined, reason_of
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import OUTSIDE, ClipMetric, SetMetric, in_domain
from jova_bench.metrics.distances.frechet_kernel import stack
from jova_bench.metrics.speech.errors import transcript_length
from jova_bench.metrics.torch_inputs import Array, batch_of, clip_of, features_of_states, numpy_of
from jova_bench.metrics.torch_reasons import counted, encoded, listed
from jova_bench.records import Outcome, Prompt, Timing

NO_REAL_CLIPS = "expected real clips or a reference, not both: the metric was made with a reference"


class _Counting(Metric):
    """What both kinds share: a metric, how many clips it had an answer for, and why not for the others."""

    full_state_update = False
    metric: Any
    ok: Tensor
    undefined: Tensor
    failed: Tensor
    reasons: list[Tensor]

    def __init__(self, level: str, metric: Any, in_domain: bool, **kwargs: Any) -> None:
        spec = getattr(metric, "spec", None)
        if spec is None or spec.level != level:
            got = f"{spec.name}, which speaks of a {spec.level}" if spec else repr(metric)
            right = {"clip": "TorchSetMetric", "set": "TorchMetric"}[level]
            raise BenchError(f"expected a metric of a {level}, got {got}; {right} takes the other kind")
        super().__init__(**kwargs)
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
        """Forgets the clips, and why some have no value."""
        super().reset()
        self._computed_at = None

    @property
    def higher_is_better(self) -> bool | None:  # type: ignore[override]
        """As the metric has it; None for one that is to match real clips."""
        return {"up": True, "down": False}.get(self.metric.spec.direction)

    def _clip(
        self,
        frames: Array | None,
        audio: Array | None,
        fps: Fraction | float | None,
        rate_hz: int | None,
        timing: Timing,
    ) -> Clip:
        """A clip in or out of the embedded evaluators' domain, as its format says."""
        clip = clip_of(frames, audio, fps, rate_hz, timing)
        return replace(clip, in_domain=in_domain(clip, "embedded" if self.in_domain else None))

    def _outside(self, clip: Clip) -> bool:
        """Whether this is an embedded evaluator that does not know such clips."""
        return self.metric.spec.profile == "embedded" and not clip.in_domain

    def _count(self, outcome: Outcome) -> None:
        self.undefined += outcome.status == "undefined"
        self.failed += outcome.status == "failed"
        reasons = counted(self.reasons) + Counter([str(outcome.reason)])
        self.reasons = [encoded(reasons).to(self.device)]

    def _keep_why(self, why: str | None) -> None:
        """Keeps the reason that belongs to a computed value, until the next update."""
        self._computed_why, self._computed_at = why, self.update_count

    def _why(self) -> str | None:
        """Returns what `why` is of the present states."""
        return listed(counted(self.reasons))


class TorchMetric(_Counting):
    """Scores clip after clip: the mean over those that are ok. Each update is one clip.

    `why` says why clips had no answer, and how many, or is None.
    """

    total: Tensor
    weight: Tensor

    def __init__(self, metric: ClipMetric, in_domain: bool = False, timing: Timing = "free", **kwargs: Any) -> None:
        """Wraps a metric.

        Args:
            metric: what scores a clip.
            in_domain: the clips are drawn faces of the shipped corpus; embedded metrics are undefined without, and of
                other sizes or rates than the corpus's.
            timing: how the clips relate in time to their references.
            **kwargs: of `torchmetrics.Metric`.
        """
        super().__init__("clip", metric, in_domain, **kwargs)
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
            prompt: what was asked for.
            reference: the real clip of the prompt.

        Raises:
            BenchError: what was given is no clip.
        """
        for name, given, kind in (("prompt", prompt, Prompt), ("reference", reference, Clip)):
            if given is not None and not isinstance(given, kind):
                raise BenchError(
                    f"expected {name}= as a jova_bench.records.{kind.__name__}, got {type(given).__name__}"
                )
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
        """What the metric says; whatever goes wrong in it is a failure of this clip, as it is in `score`."""
        if self._outside(clip):
            return Outcome(status="undefined", reason=OUTSIDE)
        try:
            return self.metric.score(clip, prompt, reference)
        except Undefined as reason:
            return Outcome(status="undefined", reason=str(reason))
        except Exception as error:
            return Outcome(status="failed", reason=reason_of(error))


class TorchSetMetric(_Counting):
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
        """Wraps a metric.

        Args:
            metric: what embeds clips and measures the distance.
            reference: (m, d) or (m, p, d) features of real clips, as the metric's `features` gives them.
            in_domain: as in `TorchMetric`.
            reset_real: whether `reset` forgets the real clips, too; False for the same ones in every epoch.
            **kwargs: of `torchmetrics.Metric`.
        """
        super().__init__("set", metric, in_domain, **kwargs)
        self.metric: SetMetric = metric if reference is None else metric.against(numpy_of(reference).astype(np.float64))
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
        """Takes one clip, or a batch of clips of one size.

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
        if real and self._given:
            raise BenchError(NO_REAL_CLIPS)
        for picture, sound in batch_of(frames, audio):
            clip = self._clip(picture, sound, fps, sample_rate_hz, "reference" if real else "free")
            if real and self._outside(clip):
                raise Undefined(OUTSIDE)
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
            metric = self.metric.against(stack(real)) if real else self.metric
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
        raise Undefined(f"no clip has features: {self._why() or 'no clip was given'}")
