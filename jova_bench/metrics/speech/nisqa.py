"""NISQA: a prediction of listeners' ratings of speech quality, without a reference; a second one beside DNSMOS.

NISQA v2 was trained on speech over telephone networks up to 20 kHz: it rates lost packets, codecs and noise. Audio
keeps its own rate, as upstream; bands that a low rate lacks are empty. (torchmetrics has it too, but needs
librosa, and downloads and loads the weights by itself.)
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.signal.audio import Audio, audio_digest, is_silent, mono_16k, slaney_edges_hz
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec

if TYPE_CHECKING:
    from jova_bench.metrics.networks.nisqa import Nisqa as Net

WEIGHTS = "nisqa-v2"
HOP_S, WIN_S, FFT = 0.01, 0.02, 4096
TOP_HZ = 20_000
FLOOR, RANGE_DB = 1e-4, 80.0
BANDS, WINDOW, STEP, MOST_WINDOWS = 48, 15, 4, 1300
"""Mel bands; frames in a window and between windows; windows that upstream takes at most (52 s)."""


def decibels(audio: Audio, rate_hz: int) -> FloatArray:
    """Computes the mel spectrogram of (N,) samples: magnitudes of 20 ms every 10 ms in 48 bands up to 20 kHz.

    librosa's `melspectrogram` (centred frames, mirrored edges, Slaney's bands of equal area) and `amplitude_to_db`.

    Returns:
        (F, 48), F = 1 + N // hop, at most 80 dB below the loudest.
    """
    hop, win = int(rate_hz * HOP_S), int(rate_hz * WIN_S)
    padded = np.pad(audio.astype(np.float64), FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[: len(audio) + 1 : hop]
    window = np.zeros(FFT)
    start = (FFT - win) // 2
    window[start : start + win] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win) / win)
    magnitudes = np.abs(np.fft.rfft(frames * window, axis=1)) @ _bands(rate_hz).T
    level = 20 * np.log10(np.maximum(magnitudes, FLOOR))
    return np.maximum(level, level.max() - RANGE_DB)


@lru_cache(maxsize=4)
def _bands(rate_hz: int) -> npt.NDArray[np.float64]:
    """Returns (48, FFT // 2 + 1) triangles of equal area; those above half the rate are empty."""
    edges = slaney_edges_hz(BANDS, TOP_HZ)
    bins = np.fft.rfftfreq(FFT, 1 / rate_hz)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0.0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


class Nisqa(ClipMetric):
    """MOS, about 1 to 5; sound that is no speech may fall below."""

    def __init__(self, context: MetricContext) -> None:
        super().__init__(context)
        self._digest = self.assets.digest(WEIGHTS)
        self.spec = MetricSpec(
            name="nisqa",
            version=1,
            profile="standard",
            backend="nisqa-v2",
            weights=self._digest,
            unit="MOS",
            direction="up",
            needs=("audio",),
            domain="speech of up to 52 s",
            description="predicted overall quality of speech, without a reference",
            source="arXiv 2104.09494; gabrielmittag/NISQA @ fe84f0f",
        )

    def check(self) -> str | None:
        """Returns which weights are missing; None if none is."""
        return self.assets.missing(WEIGHTS)

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Rates the clip's speech; undefined for silence."""
        return self._measure(clip)

    def _measure(self, clip: Clip) -> float:
        audio = clip.mono()
        hop = int(clip.sample_rate_hz * HOP_S)
        windows = ceil((1 + len(audio) // hop - (WINDOW - 1)) / STEP) if hop else 0
        seconds = len(audio) / clip.sample_rate_hz
        if windows < 1:
            raise Undefined(f"too short: {seconds:.2f} s, NISQA needs {(WINDOW - 1) * HOP_S:.2f} s")
        if windows > MOST_WINDOWS:
            raise Undefined(f"too long: {seconds:.1f} s, NISQA takes {MOST_WINDOWS * STEP * HOP_S:.0f} s")
        if is_silent(mono_16k(clip)):
            raise Undefined("silent")
        if reason := self.check():
            raise Unavailable(reason)
        key = CacheKey("nisqa", 1, self._digest, {"rate_hz": clip.sample_rate_hz})
        kept = self.cache.get(audio_digest(audio), key, lambda: {"scores": self._scores(audio, clip.sample_rate_hz)})
        return float(kept["scores"][0])

    def _scores(self, audio: Audio, rate_hz: int) -> FloatArray:
        """Returns (5,) scores in the order of `networks.nisqa.SCORES`."""
        import torch

        from jova_bench.metrics.networks.network_cache import cached_network

        net = cached_network(f"nisqa[{self._digest}]@{self.device}", lambda: load(self.assets, self.device))
        level = decibels(audio, rate_hz)
        windows = np.lib.stride_tricks.sliding_window_view(level, WINDOW, axis=0)[::STEP]  # (n, 48, 15)
        with torch.inference_mode():
            heard = torch.from_numpy(windows.astype(np.float32)).to(self.device)
            return net(heard).double().cpu().numpy()


def load(assets: AssetTable, device: str) -> Net:
    """Loads the network with its published weights."""
    from jova_bench.metrics.networks import checkpoint
    from jova_bench.metrics.networks.nisqa import Nisqa as Net

    path = assets.find(WEIGHTS)
    return cast(Net, checkpoint.load_weights(Net(), checkpoint.tensors(path, "model_state_dict"), path).to(device))


def nisqa(context: MetricContext) -> Nisqa:
    """Builds the metric."""
    return Nisqa(context)
