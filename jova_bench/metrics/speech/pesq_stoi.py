"""PESQ and STOI: how far a sound is from a reference that it follows sample by sample.

Both libraries return numbers, warnings or their own errors for sound that they cannot judge; every such case is
checked here first and has a reason.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec

import numpy as np

from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.signal.audio import RATE_HZ, Audio, audio_digest, is_silent, mono_16k
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec, Profile

PESQ_MIN_S = 0.25
"""P.862's buffer: the library refuses less."""
STOI_MIN_S = 0.41
"""STOI compares stretches of 30 frames of 25.6 ms, 12.8 ms apart; pystoi returns 1e-5 for less."""


class PairedAudio(ClipMetric):
    """A metric of a clip's sound against its prompt's real clip."""

    aligned_only = True
    """No reference is used for clips that are not declared aligned with it, so none needs to be decoded."""

    def __init__(
        self,
        spec: MetricSpec,
        package: str,
        install: str,
        measure: Callable[[Audio, Audio], float],
        cache: FeatureCache,
    ) -> None:
        """Keeps the settings; the package is imported when the metric is measured.

        Args:
            spec: what is measured.
            package: that is needed.
            install: how to get it.
            measure: (reference, clip), both (N,) at 16 kHz, not silent -> value; may raise Undefined.
            cache: where the value is kept, by the samples of both.
        """
        self.spec = spec
        self._package = package
        self._install = install
        self._measure = measure
        self._cache = cache

    def check(self) -> str | None:
        """Returns which package is missing; None if none is."""
        return None if find_spec(self._package) else f"not installed: {self._install}"

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures a clip that is declared aligned with its reference."""
        return self._compare(clip, reference)

    def _compare(self, clip: Clip, reference: Clip | None) -> float:
        if clip.timing == "reference":
            raise Undefined("is the reference")
        if clip.timing == "free":
            raise Undefined("free generation")
        if reference is None:
            raise Undefined("no reference clip")
        heard, real = aligned(clip, reference, self.spec.profile)
        if is_silent(heard):
            raise Undefined("silent")
        if is_silent(real):
            raise Undefined("the reference is silent")
        if reason := self.check():
            raise Unavailable(reason)
        value = self._cache.get(
            audio_digest(heard),
            CacheKey(self.spec.identity, params={"reference": audio_digest(real)}),
            lambda: {"value": np.array(self._measure(real, heard))},
        )
        return float(value["value"])


def aligned(clip: Clip, reference: Clip, profile: Profile) -> tuple[Audio, Audio]:
    """Resamples both signals to 16 kHz and cuts them to the shorter. Undefined when they differ by over a frame."""
    heard, real = mono_16k(clip, profile), mono_16k(reference, profile)
    frame_s = 1 / (reference.fps or Fraction(25))
    if abs(len(heard) - len(real)) > frame_s * RATE_HZ:
        raise Undefined(
            f"not aligned: {len(heard) / RATE_HZ:.2f} s of sound against {len(real) / RATE_HZ:.2f} s in the reference"
        )
    samples = min(len(heard), len(real))
    return heard[:samples], real[:samples]


def measure_pesq(reference: Audio, heard: Audio) -> float:
    """Computes wide-band PESQ (P.862.2), 1.02 to 4.64."""
    if len(heard) < PESQ_MIN_S * RATE_HZ:
        raise Undefined(f"too short: {len(heard) / RATE_HZ:.2f} s, PESQ needs {PESQ_MIN_S} s")
    from pesq import NoUtterancesError, pesq

    try:
        return float(pesq(RATE_HZ, reference, heard, "wb"))
    except NoUtterancesError as error:
        raise Undefined("PESQ finds no utterance") from error


def measure_stoi(reference: Audio, heard: Audio) -> float:
    """Computes STOI (Taal et al. 2011), about 0 to 1."""
    if len(heard) < STOI_MIN_S * RATE_HZ:
        raise Undefined(f"too short: {len(heard) / RATE_HZ:.2f} s, STOI needs {STOI_MIN_S} s")
    from pystoi import stoi

    with warnings.catch_warnings():
        # It drops the quiet frames of the reference, then warns when too few are left.
        warnings.filterwarnings("error", message="Not enough STFT frames")
        try:
            return float(stoi(reference, heard, RATE_HZ))
        except RuntimeWarning as warning:
            raise Undefined(f"too short: less than {STOI_MIN_S} s of the reference is not silent") from warning


def pesq(context: MetricContext, profile: Profile) -> PairedAudio:
    """Builds PESQ, the perceptual quality of speech against its reference."""
    spec = _spec(
        "pesq", profile, "p862.2-wb", "MOS-LQO", "wide-band PESQ of sound aligned with its reference", "P.862.2"
    )
    # A source package: outside the extras that install without a compiler.
    return PairedAudio(spec, "pesq", "pip install pesq (needs a C compiler)", measure_pesq, context.cache)


def stoi(context: MetricContext, profile: Profile) -> PairedAudio:
    """Builds STOI, the intelligibility of speech against its reference."""
    what = "short-time objective intelligibility of sound aligned with its reference"
    spec = _spec("stoi", profile, "pystoi", "", what, "Taal et al. 2011, IEEE TASLP 19(7)")
    return PairedAudio(spec, "pystoi", "pip install pystoi", measure_stoi, context.cache)


def _spec(name: str, profile: Profile, backend: str, unit: str, description: str, source: str) -> MetricSpec:
    return MetricSpec(
        name=name,
        version=1 if profile == "embedded" else 2,  # Version 1 resampled with a short filter.
        profile=profile,
        backend=backend,
        params={"rate_hz": RATE_HZ},
        unit=unit,
        direction="up",
        needs=("audio", "reference"),
        domain="speech that follows its reference sample by sample (codecs, passed-through audio)",
        description=description,
        source=source,
    )
