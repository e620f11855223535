"""Embeds voices: two stretches of one person's speech lie close together, whatever is said.

Speech alone is heard (Silero VAD): what is spoken is joined, up to half a minute, without what stands before it, after
it and in its pauses. WavLM with an x-vector head is ours; ECAPA-TDNN is SpeechBrain's. Their cosines lie on other
scales (by usual thresholds two voices are one from .86 and from .25 on), so they never share a column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from jova_bench.arrays import Arrays, Audio, FloatArray
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.digests import shortened
from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext, join_reasons
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import RATE_HZ, audio_digest, is_silent
from jova_bench.metrics.speech import activity
from jova_bench.metrics.speech.recognition import not_installed

LEAST_S, MOST_S = 1.0, 30.0
"""Speech that a voice needs, and that is heard at most, s."""


class Embedder(Protocol):
    """A network."""

    def embed(self, audio: Audio) -> FloatArray:
        """Maps (N,) speech at 16 kHz to (d,)."""
        ...


@dataclass(frozen=True)
class Encoder:
    """What embeds voices, and what it needs."""

    name: str
    packages: tuple[str, ...]
    """Packages that it needs beside those that find speech."""
    files: tuple[str, ...]
    """Names in the table of weights; the first has the weights."""
    load: Callable[..., Embedder]
    """`load(*files, device)`."""
    source: str

    def missing(self, assets: AssetTable, *others: str) -> str | None:
        """Returns which packages and files, its own and others, are missing; None if none is."""
        packages = (not_installed(one, "standard") for one in (*self.packages, "silero_vad", "onnxruntime"))
        return join_reasons(*packages, assets.missing(*others, *self.files))

    def weights(self, assets: AssetTable) -> str | None:
        """Returns the digests of its weights and of the network that finds speech, for identities."""
        digest = assets.digest(self.files[0])
        return digest and f"{digest}+{shortened(activity.NEWEST)}"

    def settings(self, assets: AssetTable) -> str:
        """Returns the digests of its other files, for identities; `none` where it has no others."""
        return "+".join(assets.digest(name) or "unknown" for name in self.files[1:]) or "none"

    def embedding(self, speech: Audio, context: MetricContext) -> FloatArray:
        """Returns the (d,) embedding, of length 1, of (N,) speech at 16 kHz, of half a second or more.

        Raises:
            Unavailable: weights are missing or unreadable.
            Undefined: the network embeds it as nothing.
        """
        assets, device = context.assets, context.device
        key = CacheKey(self.name, 1, f"{assets.digest(self.files[0])},{self.settings(assets)}")

        def load() -> Embedder:
            files: list[Path] = [assets.find(name) for name in self.files]
            return self.load(*files, device)

        def embed() -> Arrays:
            return {"voice": cached_network(f"{key}@{device}", load).embed(speech)}

        voice = np.asarray(context.cache.get(audio_digest(speech), key, embed)["voice"], dtype=np.float64)
        if not (length := np.linalg.norm(voice)):
            raise Undefined("the voice has no direction")
        return np.asarray(voice / length)


def spoken(audio: Audio, cache: FeatureCache) -> Audio:
    """Returns what is spoken in (N,) samples at 16 kHz, joined, of `MOST_S` at most.

    Raises:
        Undefined: it is silent, or less than `LEAST_S` is.
        Unavailable: the package that finds speech is not installed.
    """
    if is_silent(audio):
        raise Undefined("silent")
    stretches = activity.at_least(audio, cache, LEAST_S)
    speech = np.concatenate([audio[round(start * RATE_HZ) : round(stop * RATE_HZ)] for start, stop in stretches])
    return speech[: round(MOST_S * RATE_HZ)]


def _wavlm(weights: Path, config: Path, preprocessor: Path, device: str) -> Embedder:
    from jova_bench.metrics.networks import wavlm_sv

    return wavlm_sv.load(weights, config, preprocessor, device)


def _ecapa(weights: Path, device: str) -> Embedder:
    from jova_bench.metrics.networks import ecapa

    return ecapa.load(weights, device)


WAVLM = Encoder(
    "wavlm-base-plus-sv",
    ("transformers",),
    ("wavlm-base-plus-sv", "wavlm-base-plus-sv-config", "wavlm-base-plus-sv-preprocessor"),
    _wavlm,
    "WavLM, arXiv 2110.13900, as transformers' WavLMForXVector runs it",
)
ECAPA = Encoder(
    "ecapa-voxceleb", (), ("ecapa-voxceleb",), _ecapa, "ECAPA-TDNN, arXiv 2005.07143, as SpeechBrain runs it"
)
