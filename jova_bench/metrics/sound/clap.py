"""CLAP score: how well the audio fits the audio caption, as the cosine of their CLAP embeddings.

Clean: LAION's `music_speech_audioset_epoch_15_esc_89.98`, the one of its checkpoints that was trained on speech as
well as on sounds and music, and that has no fusion, whose pieces of longer sound are drawn at random. Sound above
10 s is embedded 10 s after 10 s and averaged by length. The benches differ in checkpoint and in what they do to the
sound first; that is data here. Where a bench draws pieces of sound above 10 s without a seed, the middle ones are
taken: such a number of theirs cannot be reproduced.

Verse-Bench's "FD" is here, too: it is no Fréchet distance of sets but 2 (1 - cosine) of a clip and its reference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from jova_bench.arrays import Audio, FloatArray
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext, join_reasons
from jova_bench.metrics.networks.network_cache import cached_network
from jova_bench.metrics.signal.audio import audio_digest, is_silent, mono_16k, resample
from jova_bench.metrics.signal.sinc_resample import sinc_resample
from jova_bench.prompts import Prompt
from jova_bench.records import Direction, MetricSpec

if TYPE_CHECKING:
    from jova_bench.metrics.networks.clap import Choose, Clap

TOKENIZER = "roberta-tokenizer"
RATE_HZ = 48_000
WINDOW = 10 * RATE_HZ


@dataclass(frozen=True)
class ClapVariant:
    """What a bench does."""

    name: str
    weights: str
    description: str
    source: str
    above_10_s: str = "middle"
    """`windows`, or which pieces of longer sound are taken: the `middle` ones, or those of a seed: `seed-42`."""
    rate_hz: int = RATE_HZ
    """Rate to which the audio is resampled; the network always takes it for 48 kHz."""
    centred: bool = False
    """The mean is taken off."""
    sinc: bool = False
    """Resampled as torchaudio does; the others do as librosa."""
    seconds: float | None = None
    """Only so much of the beginning is used."""
    peak_db: float | None = None
    """Peak that the sound is brought to."""
    int16: bool = False
    """Rounded towards zero to 16 bits."""

    def params(self) -> dict[str, str | int | float]:
        """Returns the parameters of the identity."""
        steps: dict[str, str | int | float | None] = {
            "above_10_s": self.above_10_s,
            "rate_hz": self.rate_hz,
            "centred": int(self.centred) or None,
            "resampling": "sinc-hann" if self.sinc else None,
            "seconds": self.seconds,
            "peak_db": self.peak_db,
            "int16": int(self.int16) or None,
        }
        return {name: value for name, value in steps.items() if value is not None}


_SPEECH, _FUSION, _UNFUSED = "clap-music-speech-audioset", "clap-630k-audioset-fusion", "clap-htsat-unfused"
VARIANTS = {
    "clean": ClapVariant(
        "clean",
        _SPEECH,
        "cosine of sound and audio caption in CLAP's space, every 10 s of the sound heard",
        "Wu et al. 2023, arXiv 2211.06687",
        above_10_s="windows",
    ),
    "versebench": ClapVariant(
        "versebench@5645a09",
        _FUSION,
        "cosine of sound and audio caption in CLAP's space; a network with fusion, peak at -1 dB, 16 bits",
        "Dorniwang/Verse-Bench fd/clap_inferencer.py @5645a09",
        peak_db=-1.0,
        int16=True,
    ),
    "avbenchmark": ClapVariant(
        "avbenchmark@050a5cd",
        _SPEECH,
        "cosine of the first 8 s, centred, and the audio caption in CLAP's space (`LAION-CLAP-Score`)",
        "hkchengrex/av-benchmark av_bench/extract.py @050a5cd",
        centred=True,
        sinc=True,
        seconds=8.0,
    ),
    "javisbench": ClapVariant(
        "javisbench@b505b37",
        _UNFUSED,
        "cosine of sound and audio caption in the space of the CLAP that transformers documents",
        "JavisVerse/JavisDiT eval/javisbench/src/metrics.py @b505b37",
    ),
    "mova": ClapVariant(
        "mova@595a976",
        _FUSION,
        "departs from its name: CLAP hears the sound 1.5 times too fast and high, read at 32 kHz and taken for 48 kHz",
        "OpenMOSS/MOVA evaluation/metrics/audio_is_clap @595a976",
        above_10_s="seed-42",
        rate_hz=32_000,
        peak_db=-1.0,
        int16=True,
    ),
}


class Listener:
    """Embeds sounds and texts by one protocol."""

    def __init__(self, protocol: ClapVariant, context: MetricContext) -> None:
        self.protocol = protocol
        self.weights = context.assets.digest(protocol.weights)
        self.tokens = str(context.assets.digest(TOKENIZER))
        self._context = context
        self._key = CacheKey("clap", 1 if protocol.sinc else 2, f"{self.weights},{self.tokens}")

    def check(self) -> str | None:
        """Returns which weights or package are missing; None if none is."""
        package = None if find_spec("transformers") else "not installed: pip install 'jova-bench[standard]'"
        return join_reasons(package, self._context.assets.missing(self.protocol.weights, TOKENIZER))

    def sound(self, clip: Clip) -> FloatArray:
        """Returns the (D,) embedding, of norm 1, of the audio of a clip. Raises Undefined or Unavailable."""
        audio = clip.mono()
        if not len(audio) or (self.protocol.name == "clean" and is_silent(mono_16k(clip))):
            raise Undefined("silent")
        prepared = prepare(audio, clip.sample_rate_hz, self.protocol)
        if reason := self.check():
            raise Unavailable(reason)
        params = {**self.protocol.params(), "sample_rate_hz": clip.sample_rate_hz}
        key = replace(self._key, extractor="clap-audio", params=params)
        return self._cached(audio_digest(audio), key, lambda: self._hear(prepared))

    def text(self, text: str) -> FloatArray:
        """Returns the (D,) embedding, of norm 1, of a text."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        return self._cached(digest, replace(self._key, extractor="clap-text"), lambda: self._net().encode_text(text))

    def _cached(self, digest: str, key: CacheKey, embed: Callable[[], FloatArray]) -> FloatArray:
        kept = self._context.cache.get(digest, key, lambda: {"embedding": embed()})
        return np.asarray(kept["embedding"], dtype=np.float64)

    def _hear(self, audio: Audio) -> FloatArray:
        net, choose = self._net(), _choice(self.protocol.above_10_s)
        step = WINDOW if self.protocol.above_10_s == "windows" else len(audio)
        windows = [audio[start : start + step] for start in range(0, len(audio), step)]
        mean = np.sum([len(window) * net.encode_audio(window, choose) for window in windows], axis=0)
        return np.asarray(mean / np.linalg.norm(mean))

    def _net(self) -> Clap:
        from jova_bench.metrics.networks import clap

        assets, device = self._context.assets, self._context.device

        def load() -> Clap:
            return clap.load(assets.find(self.protocol.weights), assets.find(TOKENIZER), device)

        return cached_network(f"{self._key}@{device}", load)


def prepare(audio: Audio, rate_hz: int, protocol: ClapVariant) -> Audio:
    """Returns the (N,) input of the network, at the rate that it takes for 48 kHz. Undefined without audio."""
    if protocol.centred:
        audio = audio - audio.mean()
    audio = (sinc_resample if protocol.sinc else resample)(audio, rate_hz, protocol.rate_hz)
    if protocol.seconds is not None:
        audio = audio[: int(protocol.seconds * protocol.rate_hz)]
    if protocol.peak_db is not None:
        peak = float(np.abs(audio).max())
        if peak == 0:
            raise Undefined("silent")
        audio = np.asarray(audio * (10 ** (protocol.peak_db / 20) / peak), dtype=np.float32)
    if protocol.int16:
        audio = np.asarray(np.trunc(np.clip(audio, -1, 1) * 32767) / 32767, dtype=np.float32)
    return audio


def _choice(rule: str) -> Choose:
    """Returns the generator that chooses pieces of longer audio; seeded alike for every clip."""
    if not rule.startswith("seed-"):
        return lambda places: places[len(places) // 2]
    stream = np.random.RandomState(int(rule.removeprefix("seed-")))
    return lambda places: int(stream.choice(places))


@dataclass(frozen=True)
class ClapScore(ClipMetric):
    """Cosine of a sound and its caption."""

    spec: MetricSpec
    listener: Listener

    def check(self) -> str | None:
        """Returns why the network cannot run here; None if it can."""
        return self.listener.check()

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the sound with the prompt's audio caption."""
        return float(self.listener.sound(clip) @ self.listener.text(_caption(prompt)))


@dataclass(frozen=True)
class ClapDistance(ClipMetric):
    """Verse-Bench's "FD" of one clip and its reference.

    Its Gaussian has the one embedding for a mean and, by an old rule of `numpy.cov` for a single row, the variance of
    the embedding's components for a covariance: |a - b|^2 + (sd a - sd b)^2, which is 2 (1 - cosine) to 1e-5.
    """

    spec: MetricSpec
    listener: Listener

    def check(self) -> str | None:
        """Returns why the network cannot run here; None if it can."""
        return self.listener.check()

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the sound with the reference's; needs an audio caption, as upstream does."""
        return self._distance(clip, prompt, reference)

    def _distance(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        _caption(prompt)
        if clip.timing == "reference":
            raise Undefined("is the reference")
        if reference is None:
            raise Undefined("no reference clip")
        made, real = self.listener.sound(clip), self.listener.sound(reference)
        return float(np.sum((made - real) ** 2) + (made.std(ddof=1) - real.std(ddof=1)) ** 2)


def _caption(prompt: Prompt | None) -> str:
    if prompt is None or not prompt.audio_caption.strip():
        raise Undefined("no audio caption")
    return prompt.audio_caption


def clap_score(context: MetricContext, variant: str) -> ClapScore:
    """Builds the CLAP score by one of `VARIANTS`."""
    listener = Listener(VARIANTS[variant], context)
    return ClapScore(_spec("clap_score", "up", ("audio",), listener), listener)


def fd_clap(context: MetricContext, variant: str) -> ClapDistance:
    """Builds Verse-Bench's "FD"."""
    listener = Listener(VARIANTS[variant], context)
    description = "departs from its name `FD`: 2 (1 - cosine) of the CLAP embeddings of a clip and its reference"
    spec = _spec("fd_clap", "down", ("audio", "reference"), listener)
    return ClapDistance(spec.model_copy(update={"description": description}), listener)


def _spec(name: str, direction: Direction, needs: tuple[str, ...], listener: Listener) -> MetricSpec:
    protocol = listener.protocol
    return MetricSpec.model_validate(
        {
            "name": name,
            "version": 1 if protocol.sinc else 2,  # Version 1 of the others resampled with a short filter.
            "profile": "standard",
            "backend": protocol.weights,
            "protocol": protocol.name,
            "weights": listener.weights,
            "params": {**protocol.params(), "tokens": listener.tokens},
            "direction": direction,
            "needs": needs,
            "domain": "sound that its caption describes",
            "description": protocol.description,
            "source": protocol.source,
        }
    )
