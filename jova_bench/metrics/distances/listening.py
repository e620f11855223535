"""Prepares the audio for networks that classify sounds: ours, and as av-benchmark does."""

from __future__ import annotations

from jova_bench.media.clip import Clip
from jova_bench.metrics.signal.audio import Audio, resample
from jova_bench.metrics.signal.sinc_resample import sinc_resample

AVBENCHMARK = "avbenchmark@050a5cd"
AVBENCHMARK_S = 8
"""Seconds after which sound is cut off (`extract`'s default, and what its README evaluates with)."""


def clean(clip: Clip, rate_hz: int) -> Audio:
    """Returns the (N,) mix of the channels, resampled; nothing else. Raises Undefined without audio."""
    return resample(clip.mono(), clip.sample_rate_hz, rate_hz)


def avbenchmark(clip: Clip, rate_hz: int) -> Audio:
    """Returns the (N,) mean of the channels without its offset, resampled as torchaudio does, the first 8 s.

    Source: hkchengrex/av-benchmark av_bench/data/audio_dataset.py, AudioDataset.
    """
    mono = clip.mono()
    centred = mono - mono.mean()
    return sinc_resample(centred, clip.sample_rate_hz, rate_hz)[: AVBENCHMARK_S * rate_hz]
