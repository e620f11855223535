"""UTMOS: a prediction of how natural listeners find speech, without a reference; NISQA and DNSMOS rate its quality.

It is the strong learner of UTMOS22, in the form of SpeechMOS, by which papers on speech report "UTMOS". (UTMOSv2 is
another network, whose numbers are others.) It was trained on synthetic speech in English and Chinese, clean and alone:
what sounds under the speech moves it. All of the clip's sound is heard, as upstream.
"""

from __future__ import annotations

import numpy as np

from jova_bench.arrays import Arrays, Audio
from jova_bench.cache import CacheKey
from jova_bench.digests import shortened
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import RATE_HZ, audio_digest, is_silent, mono_16k
from jova_bench.metrics.speech import activity
from jova_bench.metrics.speech.recognition import not_installed
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

WEIGHTS = "utmos22-strong"
LEAST_S, MOST_S = 1.0, 60.0
"""Speech that must be heard, and sound that is taken at most, s: memory grows with the square of the length."""


class Utmos(ClipMetric):
    """Mean opinion score, about 1 to 5."""

    def __init__(self, context: MetricContext) -> None:
        super().__init__(context)
        digest = self.assets.digest(WEIGHTS)
        self.spec = MetricSpec(
            name="utmos",
            version=1,
            profile="standard",
            backend=WEIGHTS,
            weights=digest and f"{digest}+{shortened(activity.NEWEST)}",
            params={"least_s": LEAST_S},
            unit="MOS",
            direction="up",
            needs=("audio",),
            domain=f"sound of up to {MOST_S:g} s, with speech for {LEAST_S:g} s or more",
            description="predicted naturalness of speech, without a reference",
            source="arXiv 2204.02152; tarepan/SpeechMOS @ ed25eac; Silero VAD",
        )

    def check(self) -> str | None:
        """Returns which packages and weights are missing; None if none is."""
        packages = (not_installed(one, "standard") for one in ("transformers", "silero_vad", "onnxruntime"))
        return join_reasons(*packages, self.assets.missing(WEIGHTS))

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Rates the clip's speech; `prompt` and `reference` are ignored."""
        audio = mono_16k(clip)
        if is_silent(audio):
            raise Undefined("silent")
        if len(audio) > MOST_S * RATE_HZ:
            raise Undefined(f"too long: {len(audio) / RATE_HZ:.1f} s, UTMOS is asked of {MOST_S:g} s at most")
        if reason := self.check():
            raise Unavailable(reason)
        activity.at_least(audio, self.cache, LEAST_S)
        return self._rated(audio)

    def _rated(self, audio: Audio) -> float:
        from jova_bench.metrics.networks import utmos as networks

        key = CacheKey("utmos", 1, self.assets.digest(WEIGHTS))

        def load() -> networks.Utmos:
            return networks.load(self.assets.find(WEIGHTS), self.device)

        def rate() -> Arrays:
            return {"mos": np.array(cached_network(f"{key}@{self.device}", load).rate(audio))}

        return float(self.cache.get(audio_digest(audio), key, rate)["mos"])


def utmos(context: MetricContext) -> Utmos:
    """Builds the metric."""
    return Utmos(context)
