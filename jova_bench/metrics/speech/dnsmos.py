"""DNSMOS: a prediction of listeners' ratings of speech quality, without a reference.

Two networks of one project: P.835's, which takes the waveform and rates noisy speech overall (ours), and the older
P.808's, which takes a spectrogram (MOVA's). Both are inside the `speechmos` wheel and are run here directly, because
importing `speechmos.dnsmos` needs librosa (hundreds of megabytes and minutes of compiling).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from jova_bench.assets.packaged import package_folder, verified
from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.digests import shortened
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.networks.onnx_session import open_session
from jova_bench.metrics.signal.audio import (
    RATE_HZ,
    Audio,
    audio_digest,
    is_silent,
    mel_bands,
    mono_16k,
    slaney_edges_hz,
)
from jova_bench.metrics.speech.dnsmos_rows import Network, run
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec, Profile

P835 = "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"
"""sha256 of sig_bak_ovr.onnx, as in microsoft/DNS-Challenge."""
P808 = "9246480c58567bc6affd4200938e77eef49468c8bc7ed3776d109c07456f6e91"
"""sha256 of model_v8.onnx, the same."""
FILES = {P835: "sig_bak_ovr.onnx", P808: "model_v8.onnx"}
WINDOW_S, HOP_S = 9.01, 1
MIN_S = 0.25
"""Shorter sound would be repeated dozens of times, and the network would judge the rhythm of the copies."""


@dataclass(frozen=True)
class DnsmosVariant:
    """Describes which windows of a clip are rated, and by which network."""

    name: str
    network: str
    """sha256 of one of `FILES`."""
    backend: str
    hear: Callable[[Clip, Profile], Audio]
    """Clip -> (N,) at 16 kHz, N > 0. Raises Undefined."""
    rate: Callable[[Audio], float]
    """(N,) -> mean opinion score."""
    description: str
    source: str
    rating_version: int
    """Raised when the same samples could be rated otherwise: part of the key that ratings are cached by."""


class Dnsmos(ClipMetric):
    """Mean opinion score, 1 to 5."""

    def __init__(self, cache: FeatureCache, profile: Profile, protocol: DnsmosVariant) -> None:
        self._cache = cache
        self._protocol = protocol
        self.spec = MetricSpec(
            name="dnsmos",
            # Version 1 resampled with a short filter, and heard all windows where the bench skips some.
            version=1 if profile == "embedded" else 2,
            profile=profile,
            backend=protocol.backend,
            protocol=protocol.name,
            weights=shortened(protocol.network),
            params={"window_s": WINDOW_S, "hop_s": HOP_S, "rate_hz": RATE_HZ},
            unit="MOS",
            direction="up",
            needs=("audio",),
            domain="speech",
            description=protocol.description,
            source=protocol.source,
        )

    def check(self) -> str | None:
        """Returns which package, with the runtime or the weights, is missing; None if none is."""
        there = find_spec("onnxruntime") and find_spec("speechmos")
        return None if there else f"not installed: pip install 'jova-bench[{self.spec.profile}]'"

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Rates the clip's speech; `prompt` and `reference` are ignored."""
        return self._measure(self._protocol.hear(clip, self.spec.profile))

    def _measure(self, audio: Audio) -> float:
        if reason := self.check():
            raise Unavailable(reason)
        # By the sound alone: clips that differ only in their picture are listened to once.
        key = CacheKey(f"dnsmos-{self._protocol.backend}", self._protocol.rating_version, self.spec.weights)
        rated = self._cache.get(audio_digest(audio), key, lambda: {"mos": np.array(self._protocol.rate(audio))})
        return float(rated["mos"])


def clean_audio(clip: Clip, profile: Profile) -> Audio:
    """Returns the audio at 16 kHz. Undefined for silence, which has no quality (the network would give it 1.8)."""
    audio = mono_16k(clip, profile)
    if len(audio) < MIN_S * RATE_HZ:
        raise Undefined(f"too short: {len(audio) / RATE_HZ:.2f} s, DNSMOS needs {MIN_S} s")
    if is_silent(audio):
        raise Undefined("silent")
    return audio


def sixteen_bits(clip: Clip, profile: Profile) -> Audio:
    """Returns the audio at 16 kHz in 65,536 levels, as in a wav file."""
    audio = mono_16k(clip, profile)
    if not len(audio):
        raise Undefined("no sound")
    return (np.clip(np.rint(audio * 32768.0), -32768, 32767) / 32768).astype(np.float32)


def windows(audio: Audio) -> list[Audio]:
    """Cuts (N,) audio at 16 kHz, N > 0, into windows of 9.01 s, one per second; shorter audio is doubled to fill one.

    The count rounds the length down to whole seconds first, as upstream does.
    """
    window = int(WINDOW_S * RATE_HZ)
    while len(audio) < window:
        audio = np.append(audio, audio)
    starts = [k * HOP_S * RATE_HZ for k in range(int(len(audio) // RATE_HZ - WINDOW_S) + 1)]
    return [audio[start : start + window] for start in starts if start + window <= len(audio)]


def published_windows(audio: Audio) -> list[Audio]:
    """Returns the `windows` that the published scripts score.

    They end window k at `int((k + 9.01) * 16000)`, which in floating point is a sample early for k = 7 to 23, and skip
    what is shorter than a window: of 17 to 33 s of sound (or what is doubled into that) they rate the first 16 s.
    """
    whole = int(WINDOW_S * RATE_HZ)
    ends = (int((k * HOP_S + WINDOW_S) * RATE_HZ) - k * HOP_S * RATE_HZ for k in count())
    return [window for window, end in zip(windows(audio), ends, strict=False) if end >= whole]


def overall(audio: Audio) -> float:
    """Computes OVRL of P.835: the mean over `windows`; samples beyond full scale are clipped."""
    answers = _p835()(windows(np.clip(audio, -1, 1)))
    return float(np.mean([calibrated(float(answer[2])) for answer in answers]))


def calibrated(raw: float) -> float:
    """Applies the published polynomial from the network's OVRL to the listeners' scale."""
    return -0.06766283 * raw**2 + 1.11546468 * raw + 0.04602535


def p808(audio: Audio) -> float:
    """Computes the MOS of P.808: the mean over `published_windows`, each without its last 10 ms."""
    heard = [spectrogram(window[:-HOP]) for window in published_windows(audio)]
    return float(np.mean([run(_p808(), "input_1", one)[0] for one in heard]))


N_FFT, HOP, BANDS = 321, 160, 120
TOP_DB = 80.0


def spectrogram(audio: Audio) -> npt.NDArray[np.float64]:
    """Returns (ceil(N / 160), 120) decibels below the loudest, 0 dB -> 1 and -80 dB -> -1.

    As librosa 0.11 makes it: Hann windows of 321 samples centred on every 160th, zeros outside, bands of equal area.
    """
    padded = np.pad(audio.astype(np.float64), N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
    edges_hz = slaney_edges_hz(BANDS, RATE_HZ / 2)
    mel = power @ (mel_bands(BANDS, N_FFT) * (2 / (edges_hz[2:] - edges_hz[:-2]))[:, None]).T
    loud = 10 * np.log10(np.maximum(mel, 1e-10))
    return (np.maximum(loud - loud.max(), -TOP_DB) + 40) / 40


@cache
def _p835() -> Network:
    return Network(_content(P835))


@cache
def _p808() -> Any:
    return open_session(_content(P808))


def _content(network: str) -> bytes:
    """Reads the published file of a network. Raises Unavailable for another file."""
    folder = package_folder("speechmos")
    assert folder is not None
    return verified(folder / "dnsmos_models" / FILES[network], network, "pip install speechmos").read_bytes()


VARIANTS = {
    "clean": DnsmosVariant(
        "clean",
        P835,
        "p835-ovrl",
        clean_audio,
        overall,
        "predicted overall quality of speech, without a reference",
        "Reddy et al. 2022, arXiv 2110.01763",
        1,
    ),
    "mova": DnsmosVariant(
        "mova@595a976",
        P808,
        "p808",
        sixteen_bits,
        p808,
        "the older network, of P.808: other numbers than P.835's overall quality; silence counts, too, and of 17 to "
        "33 s of sound only the first 16 s do",
        "OpenMOSS/MOVA evaluation/metrics/dnsmos/eval_dnsmos.py; Reddy et al. 2021, arXiv 2010.15258",
        2,
    ),
}


def dnsmos(context: MetricContext, profile: Profile, variant: str = "clean") -> Dnsmos:
    """Builds the metric; its small networks always run on the CPU."""
    return Dnsmos(context.cache, profile, VARIANTS[variant])
