"""CE, CU, PC and PQ: AudioBox Aesthetics' ratings of a clip's audio, without a reference.

Content enjoyment, content usefulness, production complexity and production quality, each about 1 to 10 as listeners
rated them (arXiv 2502.05139). More of PC is neither better nor worse: the model's authors name no direction, JoVA and
Verse-Bench print an arrow down, JavisBench averages it as up. Clean, it is to match the real clips' value. Nothing
here normalises loudness, and the ratings depend on it: read these beside `loudness`.

`audio_quality@javisbench` is that average: all four axes with one weight (eval/javisbench/src/metrics.py @b505b37).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import numpy as np

from jova_bench.arrays import Audio
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import RATE_HZ, audio_digest, is_silent, mono_16k
from jova_bench.metrics.signal.sinc_resample import sinc_resample
from jova_bench.prompts import Prompt
from jova_bench.records import Direction, MetricSpec

if TYPE_CHECKING:
    from jova_bench.metrics.networks.aesthetics import Aesthetics

WEIGHTS, CONFIG = "audiobox-aesthetics", "audiobox-aesthetics-config"
Bench = Literal["clean", "versebench", "javisbench"]
UPSTREAM = "facebookresearch/audiobox-aesthetics infer.py @2618e9d"
_AXES: dict[str, tuple[Direction, str]] = {
    "ce": ("up", "content enjoyment: how much a listener likes what is heard"),
    "cu": ("up", "content usefulness: how well the sound serves as material"),
    "pc": ("target", "production complexity: how much is going on in the sound; to match that of real clips"),
    "pq": ("up", "production quality: clarity, fidelity and balance of the sound"),
}


@dataclass(frozen=True)
class Opinion(ClipMetric):
    """One axis, or all."""

    spec: MetricSpec
    prepare: Callable[[Clip], Audio]
    """Sound of a clip at 16 kHz, or Undefined."""
    context: MetricContext

    def check(self) -> str | None:
        """Returns which weights or package are missing; None if none is."""
        package = None if find_spec("transformers") else "not installed: pip install 'jova-bench[standard]'"
        return join_reasons(package, self.context.assets.missing(WEIGHTS, CONFIG))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Rates the clip's sound; `prompt` and `reference` are ignored."""
        return self._opinion(clip)

    def _opinion(self, clip: Clip) -> float:
        audio = self.prepare(clip)
        if reason := self.check():
            raise Unavailable(reason)
        assets, device = self.context.assets, self.context.device
        key = CacheKey(WEIGHTS, 1, f"{assets.digest(WEIGHTS)},{assets.digest(CONFIG)}")

        def load() -> Aesthetics:
            from jova_bench.metrics.networks import aesthetics

            return aesthetics.load(assets.find(WEIGHTS), assets.find(CONFIG), device)

        def judge() -> dict[str, np.ndarray]:
            return {"opinions": cached_network(f"{key}@{device}", load).predict(audio)}

        # By the samples that are judged: all axes come from one pass.
        opinions = self.context.cache.get(audio_digest(audio), key, judge)["opinions"]
        axes = list(_AXES)
        return float(opinions[axes.index(self.spec.name)] if self.spec.name in axes else opinions.mean())


def audible(clip: Clip) -> Audio:
    """Returns the audio. Undefined for silence, for which the model's scores mean nothing."""
    audio = mono_16k(clip)
    if is_silent(audio):
        raise Undefined("silent")
    return audio


def audible_upstream(clip: Clip) -> Audio:
    """Returns the audio as upstream resamples it, silent or not."""
    audio = sinc_resample(clip.mono(), clip.sample_rate_hz, RATE_HZ)
    if not len(audio):
        raise Undefined("silent")
    return audio


def build(context: MetricContext, name: str, variant: Bench) -> Opinion:
    """Builds CE, CU, PC or PQ, ours or as Verse-Bench computes it."""
    direction, description = _AXES[name]
    if variant == "clean":
        source = f"Tjandra et al. 2025, arXiv 2502.05139; {UPSTREAM}"
        return _metric(context, name, "clean", direction, description, source)
    direction = "down" if name == "pc" else direction
    description = f"{description.split(';')[0]}; silence counts, too"
    source = "Dorniwang/Verse-Bench audio_box/audio_box_inferencer.py @5645a09"
    return _metric(context, name, "versebench@5645a09", direction, description, source)


def _metric(
    context: MetricContext, name: str, protocol: str, direction: Direction, description: str, source: str
) -> Opinion:
    clean = protocol == "clean"
    spec = MetricSpec(
        name=name,
        version=2 if clean else 1,  # Version 1 of ours resampled with a short filter.
        profile="standard",
        backend=WEIGHTS,
        protocol=protocol,
        weights=context.assets.digest(WEIGHTS),
        params={
            "config": context.assets.digest(CONFIG) or "unknown",
            "rate_hz": RATE_HZ,
            "window_s": 10,
            "resampling": "soxr-hq" if clean else "sinc-hann",
        },
        direction=direction,
        needs=("audio",),
        domain="speech, music and other sound",
        description=description,
        source=source,
    )
    return Opinion(spec, audible if clean else audible_upstream, context)


def audio_quality(context: MetricContext, variant: Bench) -> Opinion:
    """Builds the mean of all four, as in JavisBench."""
    description = "mean of CE, CU, PC and PQ: more going on counts as better; silence counts, too"
    source = f"JavisVerse/JavisDiT eval/javisbench/src/metrics.py calc_audio_quality_score; {UPSTREAM}"
    return _metric(context, "audio_quality", "javisbench@b505b37", "up", description, source)
