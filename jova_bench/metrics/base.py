"""What a metric is: a specification and a pure `score` (clip level) or `features` + `distance` (set level).

Metrics know clips and prompts; they know nothing of models, runs or files. Whatever is expensive goes
through a `FeatureCache`, so that the same content is never measured twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray as FloatArray
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.records import MetricSpec, Outcome, Prompt

OUTSIDE = "outside the embedded domain"


class ClipMetric(Protocol):
    """A metric with one value per clip."""

    spec: MetricSpec

    def check(self) -> str | None:
        """None when it can run here, else why not: `not installed: pip install ...`, `weights missing: ...`."""
        ...

    def score(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> Outcome:
        """Measures one clip.

        Args:
            clip: what a model made.
            prompt: what was asked, or None for a clip nobody asked for.
            reference: the real clip of the same prompt, or None.
        """
        ...


class SetMetric(Protocol):
    """A metric of a set of clips against a fixed reference set that shares no prompt with the suite."""

    spec: MetricSpec

    def check(self) -> str | None:
        """None when the metric can run here, else why not."""
        ...

    def features(self, clip: Clip) -> FloatArray:
        """(d,) embedding of one clip, or (p, d) where it has several. Raises Undefined or Unavailable."""
        ...

    def distance(self, features: FloatArray) -> float:
        """Distance of n clips from the reference set: (n, d), or (n, p, d) as `distance.stack` makes them."""
        ...

    def details(self, features: FloatArray) -> Mapping[str, float]:
        """What stands beside the distance: `n`, `d`, and for biased distances `n_to_infinity` and its fit."""
        ...

    def reference(self) -> FloatArray:
        """(m, d) or (m, p, d) embeddings of the reference set. Raises Undefined or Unavailable without one."""
        ...

    def against(self, reference: FloatArray) -> SetMetric:
        """The same distance from another reference set.

        Args:
            reference: (m, d) or (m, p, d) embeddings of real clips, `distance.stack` of their `features`; part of
                the new identity.
        """
        ...


@runtime_checkable
class SharesWork(Protocol):
    """What a set metric may have besides: many sets of the same clips cost little more than one.

    Tests and intervals ask for the distances of about a thousand of them.
    """

    def distances(self, features: FloatArray, chosen: npt.NDArray[np.bool_]) -> FloatArray:
        """The `distance` of S sets of the same clips, (S,), equal to it but for rounding.

        Args:
            features: (N, d) or (N, p, d) of all clips.
            chosen: (S, N) which of them each set has.
        """
        ...


def lacking(*reasons: str | None) -> str | None:
    """Everything that is missing, each once, so that it can be mended at one go; None when nothing is."""
    return "; ".join(dict.fromkeys(filter(None, reasons))) or None


def measured(measure: Callable[[], float]) -> Outcome:
    """Runs a measurement and gives what happened a status; a number that is not finite is a failure."""
    try:
        value = float(measure())
    except Undefined as reason:
        return Outcome(status="undefined", reason=str(reason))
    except Unavailable as reason:
        return Outcome(status="failed", reason=str(reason))
    if not np.isfinite(value):
        return Outcome(status="failed", reason=f"not finite: {value}")
    return Outcome(status="ok", value=value)


def in_domain(clip: Clip, domain: str | None) -> bool:
    """The embedded evaluators were trained on 64 x 64 pictures at 25 fps of a suite of their domain."""
    frames = clip.frames
    return domain == "embedded" and frames is not None and frames.shape[1:3] == (64, 64) and clip.fps == Fraction(25)


def require_embedded_domain(clip: Clip) -> None:
    """Embedded evaluators were trained on drawn faces: on anything else their numbers mean nothing."""
    if not clip.in_domain:
        raise Undefined(OUTSIDE)
