"""DNSMOS P.835: the overall quality of noisy speech that listeners would report, without a reference.

The network is the one inside the `speechmos` wheel; it is run here directly, because importing `speechmos.dnsmos`
needs librosa (hundreds of megabytes and minutes of compiling) for an input that the P.835 network does not use.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from jova_bench.metrics.base import FeatureCache, measured
from jova_bench.metrics.features import RATE_HZ, Audio, audio_digest, is_silent, mono_16k
from jova_bench.types import Clip, MetricSpec, Outcome, Profile, Prompt, Unavailable, Undefined

WEIGHTS = "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"
"""sha256 of sig_bak_ovr.onnx, as in microsoft/DNS-Challenge."""
WINDOW_S, HOP_S = 9.01, 1
MIN_S = 0.25
"""Shorter sound would be repeated dozens of times, and the network would judge the rhythm of the copies."""


class Dnsmos:
    """OVRL of P.835, 1 to 5."""

    def __init__(self, cache: FeatureCache, profile: Profile) -> None:
        self._cache = cache
        self.spec = MetricSpec(
            name="dnsmos",
            version=1,
            profile=profile,
            backend="p835-ovrl",
            weights=WEIGHTS[:12],
            params={"window_s": WINDOW_S, "hop_s": HOP_S, "rate_hz": RATE_HZ},
            unit="MOS",
            direction="up",
            needs=("audio",),
            domain="speech",
            description="predicted overall quality of speech, without a reference",
            source="Reddy et al. 2022, arXiv 2110.01763",
        )

    def check(self) -> str | None:
        """None when the packages with the runtime and the weights are there."""
        there = find_spec("onnxruntime") and find_spec("speechmos")
        return None if there else f"not installed: pip install 'jova-bench[{self.spec.profile}]'"

    def score(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> Outcome:
        """Measures what is heard; silence has no quality (the network would give it 1.8)."""
        return measured(lambda: self._measure(mono_16k(clip)))

    def _measure(self, audio: Audio) -> float:
        if len(audio) < MIN_S * RATE_HZ:
            raise Undefined(f"too short: {len(audio) / RATE_HZ:.2f} s, DNSMOS needs {MIN_S} s")
        if is_silent(audio):
            raise Undefined("silent")
        if reason := self.check():
            raise Unavailable(reason)
        # By the sound alone: clips that differ only in their picture are listened to once.
        key = f"dnsmos-p835@1[{WEIGHTS[:12]}]"
        return float(self._cache.get(audio_digest(audio), key, lambda: {"ovrl": np.array(overall(audio))})["ovrl"])


def overall(audio: Audio) -> float:
    """OVRL of (N,) audio at 16 kHz, N > 0: the mean over windows of 9.01 s, one per second.

    Shorter sound is doubled until it fills a window; samples beyond full scale are clipped.
    """
    window = int(WINDOW_S * RATE_HZ)
    audio = np.clip(audio, -1, 1)
    while len(audio) < window:
        audio = np.append(audio, audio)
    # The count of windows rounds the length down to whole seconds first, as upstream does.
    windows = int(len(audio) // RATE_HZ - WINDOW_S) + 1
    starts = [k * HOP_S * RATE_HZ for k in range(windows)]
    session = _session()
    raw = [
        session.run(None, {"input_1": audio[None, start : start + window].astype(np.float32)})[0][0, 2]
        for start in starts
        if start + window <= len(audio)
    ]
    return float(np.mean([calibrated(float(value)) for value in raw]))


def calibrated(raw: float) -> float:
    """The published polynomial from the network's OVRL to the listeners' scale."""
    return -0.06766283 * raw**2 + 1.11546468 * raw + 0.04602535


@lru_cache(maxsize=1)
def _session() -> Any:
    """The network in ONNX Runtime, one thread: sums come out the same on every machine."""
    import onnxruntime

    spec = find_spec("speechmos")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    file = Path(spec.submodule_search_locations[0]) / "dnsmos_models" / "sig_bak_ovr.onnx"
    network = file.read_bytes()
    if (found := hashlib.sha256(network).hexdigest()) != WEIGHTS:
        raise Unavailable(f"weights differ: expected sha256 {WEIGHTS}, got {found} in {file}; pip install speechmos")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def dnsmos(cache: FeatureCache, device: str, profile: Profile) -> Dnsmos:
    """The metric; its small network always runs on the CPU."""
    return Dnsmos(cache, profile)
