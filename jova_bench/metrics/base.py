"""The two kinds of metric: `ClipMetric` (one value per clip) and `SetMetric` (one distance per set of clips).

Metrics know clips and prompts; they know nothing of models, runs or files. Expensive work goes
through a `FeatureCache`, so that the same content is never measured twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.cache import FeatureCache
from jova_bench.errors import OUTSIDE, OUTSIDE_HINT, BenchError, Unavailable, Undefined
from jova_bench.formatting.messages import shown
from jova_bench.media.clip import Clip
from jova_bench.media.streams import check_streams
from jova_bench.metrics.real_clips import RealClips, ReferenceClip
from jova_bench.prompts import Prompt
from jova_bench.records import LARGEST_VALUE, Finding, MetricSpec, Outcome


@dataclass(frozen=True)
class MetricContext:
    """What a metric is built with, beside the options of its entry."""

    cache: FeatureCache
    """Keeps expensive arrays by the content of a clip."""
    device: str = "cpu"
    """Where networks run: `cpu`, `cuda`, `cuda:1`."""
    real_clips: RealClips | None = None
    """The real clips that the metric's entry names; None where the suite has none, or the entry names none."""
    assets: AssetTable = field(default_factory=asset_table)
    """Weights that do not ship with the package; by default those of the environment."""


@dataclass(frozen=True)
class Measured:
    """A value, and what was noticed in measuring it that a reader of the value should know."""

    value: float
    findings: tuple[Finding, ...] = ()


class ClipMetric(ABC):
    """A metric with one value per clip. Subclasses set `spec` and implement `measure`."""

    spec: MetricSpec
    aligned_only: ClassVar[bool] = False
    """Whether the real clip is compared with aligned clips alone: for others it is not even decoded."""

    def __init__(self, context: MetricContext) -> None:
        """Sets the cache, the device and the table of weights; loads nothing."""
        self.cache, self.device, self.assets = context.cache, context.device, context.assets

    def check(self) -> str | None:
        """Returns None when the metric can run here, else why not: `not installed: pip install ...`."""
        return None

    @final
    def score(self, clip: Clip, prompt: Prompt | None = None, reference: Clip | None = None) -> Outcome:
        """Measures one clip and gives the result a status: `ok`, `undefined` or `failed`.

        Args:
            clip: what a model made.
            prompt: what was asked, or None for a clip without a prompt.
            reference: the real clip of the same prompt, or None.

        Raises:
            BenchError: an argument is of another type, or a clip's streams are not as `Clip` says.
        """
        for name, value, kind in (("clip", clip, Clip), ("prompt", prompt, Prompt), ("reference", reference, Clip)):
            if not isinstance(value, kind) and (value is not None or name == "clip"):
                hint = "a clip as `read_clip` returns it" if kind is Clip else "a Prompt of a suite, or None"
                raise BenchError(f"expected {name} to be {hint}, got {shown(value)}")
            if isinstance(value, Clip):
                check_streams(value.frames, value.fps, value.audio, value.sample_rate_hz, value.layout)
        return to_outcome(lambda: self.measure(clip, prompt, reference))

    @abstractmethod
    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float | Measured:
        """Returns the value of one clip, maybe with findings, see `score` for the arguments.

        Raises:
            Undefined: the question has no answer for this clip.
            Unavailable: a package or weights are missing, or cannot be used.
        """

    def details(self, clips: Iterable[tuple[str, Prompt | None]]) -> Mapping[str, float]:
        """Returns what stands beside the mean over some clips; nothing of most metrics.

        Args:
            clips: digest and prompt of each clip that has a value.
        """
        return {}


class SetMetric(ABC):
    """A metric of a set of clips, mostly a distance from real ones. Subclasses implement `features` and `distance`.

    Letters: N clips, S sets, d dimensions, p vectors of one clip.
    """

    spec: MetricSpec
    reference_clips: Sequence[ReferenceClip] = ()
    """The clips of the reference set; any process may embed one beforehand."""

    def check(self) -> str | None:
        """Returns None when the metric can run here, else why not."""
        return None

    @abstractmethod
    def features(self, clip: Clip) -> FloatArray:
        """Embeds one clip: (d,), or (p, d) where it has several vectors. Raises Undefined or Unavailable."""

    @abstractmethod
    def distance(self, features: FloatArray) -> float:
        """Measures n clips: (n, d), or (n, p, d) as `frechet_kernel.stack` makes them. Raises Undefined."""

    def distances(self, features: FloatArray, chosen: npt.NDArray[np.bool_]) -> FloatArray:
        """Measures S sets of the same clips, (S,); overridden where many cost little more than one.

        Args:
            features: (N, d) or (N, p, d) of all clips.
            chosen: (S, N) which of them each set has.
        """
        return np.array([self.distance(features[one]) for one in chosen])

    def details(self, features: FloatArray) -> Mapping[str, float]:
        """Returns details of the distance: `n`, `d`, and for biased distances `n_to_infinity` and its fit."""
        return {"n": float(len(features)), "d": float(features.shape[-1])}

    def reference(self) -> FloatArray:
        """Returns (m, d) or (m, p, d) embeddings of the reference set. Raises Undefined or Unavailable without one."""
        raise Undefined(f"{self.spec.name} compares with no real clips")

    def against(self, reference: FloatArray) -> SetMetric:
        """Returns the same metric with another reference set.

        Args:
            reference: (m, d) or (m, p, d) embeddings of real clips, `frechet_kernel.stack` of their `features`; part
                of the new identity.
        """
        raise BenchError(f"expected a metric that compares with real clips, got {self.spec.name}; give no reference")


Metric = ClipMetric | SetMetric


def join_reasons(*reasons: str | None) -> str | None:
    """Joins everything that is missing, each once, so that one command can fix it; None when nothing is."""
    return "; ".join(dict.fromkeys(filter(None, reasons))) or None


def to_outcome(measure: Callable[[], float | Measured]) -> Outcome:
    """Runs a measurement and gives the result a status; a value that is not finite is a failure."""
    try:
        measured = measure()
    except Undefined as reason:
        return Outcome(status="undefined", reason=str(reason))
    except Unavailable as reason:
        return Outcome(status="failed", reason=str(reason))
    value, findings = (measured.value, measured.findings) if isinstance(measured, Measured) else (measured, ())
    try:
        if isinstance(value, str | bytes):  # float("0.5") would make a number of what is none.
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        why = f"expected a number, got {shown(value)}; raise Undefined where there is none"
        return Outcome(status="failed", reason=why)
    if not abs(number) <= LARGEST_VALUE:  # NaN is not, either.
        why = f"expected a finite number up to {LARGEST_VALUE:g}, got {number}; raise Undefined where there is none"
        return Outcome(status="failed", reason=why)
    return Outcome(status="ok", value=number, findings=findings)


def finite_vectors(features: FloatArray) -> FloatArray:
    """Returns the features of a clip, or of a set, as they are. Raises BenchError where they are no finite vectors."""
    array = np.asarray(features)
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2, 3) or not array.size:
        raise BenchError(f"expected features as numbers, (d,) or (p, d), got {array.dtype} of shape {array.shape}")
    if array.ndim < 3 and not np.isfinite(array).all():
        raise BenchError("expected finite features, got NaN or infinity")
    return array


def in_domain(clip: Clip, domain: str | None) -> bool:
    """Returns whether the embedded evaluators know such clips: 64 x 64 px at 25 fps, of a suite of their domain."""
    return domain == "embedded" and clip.frames is not None and _as_drawn(clip)


def _as_drawn(clip: Clip) -> bool:
    """Returns whether a clip's frames, where it has any, have the format of the drawn heads."""
    return clip.frames is None or (clip.frames.shape[1:3] == (64, 64) and clip.fps == Fraction(25))


def require_embedded_domain(clip: Clip) -> None:
    """Raises Undefined outside of drawn faces, on which alone the embedded evaluators were trained."""
    if not (clip.in_domain and _as_drawn(clip)):  # The second where `dataclasses.replace` gave it other frames.
        outside = Undefined(OUTSIDE)
        outside.add_note(OUTSIDE_HINT)  # Below a traceback; the reason itself is kept in files.
        raise outside
