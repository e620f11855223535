"""Integrated loudness of a clip's sound after ITU-R BS.1770-4: K-weighting, 400 ms blocks, two gates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.errors import Undefined
from jova_bench.media import channels
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.prompts import Prompt
from jova_bench.records import MetricSpec, Profile

BLOCK_S, HOP_S = 0.4, 0.1
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0


class Loudness(ClipMetric):
    """Loudness in LUFS, of channels whose places are known, at any rate."""

    def __init__(self, profile: Profile) -> None:
        self.spec = MetricSpec(
            name="loudness",
            version=1,
            profile=profile,
            backend="bs1770-4",
            unit="LUFS",
            direction="target",
            needs=("audio",),
            domain="sound of at least 0.4 s whose channels have known places",
            description="integrated loudness; to match that of real clips",
            source="ITU-R BS.1770-4",
        )

    def check(self) -> str | None:
        """Returns None: nothing is missing."""
        return None

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Measures the integrated loudness of the clip's audio; `prompt` and `reference` are ignored."""
        return self._measure(clip)

    def _measure(self, clip: Clip) -> float:
        if clip.audio is None:
            raise Undefined("no audio stream")
        return integrated(clip.audio, clip.sample_rate_hz, clip.layout)


def integrated(audio: npt.NDArray[np.floating], rate_hz: int, layout: channels.Layout = ()) -> float:
    """Computes the integrated loudness in LUFS.

    Args:
        audio: (channels, N), full scale 1.
        rate_hz: sampling rate.
        layout: the place of each channel; one or two channels weigh the same without.

    Raises:
        Undefined: more channels of unknown places, less than a block, or nothing above -70 LUFS.
    """
    count, samples = audio.shape
    weights = channels.loudness_weights(layout, count)
    if weights is None:
        raise Undefined(f"{count} channels whose places are unknown")
    block, hop = round(BLOCK_S * rate_hz), round(HOP_S * rate_hz)
    if samples < block:
        raise Undefined(f"too short: {samples / rate_hz:.2f} s, loudness needs {BLOCK_S} s")
    squared = np.pad(np.cumsum(k_weighted(audio, rate_hz) ** 2, axis=1), ((0, 0), (1, 0)))
    starts = np.arange(0, samples - block + 1, hop)
    of_each = (squared[:, starts + block] - squared[:, starts]) / block  # (channels, blocks)
    power = (weights[:, None] * of_each).sum(axis=0)  # (blocks,)
    loud = power[_lufs(power) > ABSOLUTE_GATE_LUFS]
    if not len(loud):
        raise Undefined("silent")
    loud = loud[_lufs(loud) > _lufs(loud.mean()) + RELATIVE_GATE_LU]
    return float(_lufs(loud.mean()))


def _lufs(power: FloatArray | np.floating) -> FloatArray:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-20))


def k_weighted(audio: npt.NDArray[np.floating], rate_hz: int) -> FloatArray:
    """Filters (channels, N) by the head's shelf and the low cut of BS.1770."""
    from scipy.signal import lfilter

    filtered = np.asarray(audio, dtype=np.float64)
    for numerator, denominator in k_filters(rate_hz):
        filtered = lfilter(numerator, denominator, filtered, axis=-1)
    return filtered


def k_filters(rate_hz: int) -> tuple[tuple[list[float], list[float]], ...]:
    """Returns both second-order filters (numerator, denominator) at any rate.

    The standard lists coefficients for 48 kHz alone. They are bilinear transforms of a shelf of 4 dB at 1682 Hz and
    a high pass at 38 Hz; the constants are those analogue filters, as libebur128 found them. (The transform bends the
    shelf where half the rate is near: 0.04 dB at 1 kHz and 16 kHz sampling.)
    """
    tangent, quality = np.tan(np.pi * 1681.974450955533 / rate_hz), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    scale = 1 + tangent / quality + tangent**2
    shelf = (
        [
            (high + band * tangent / quality + tangent**2) / scale,
            2 * (tangent**2 - high) / scale,
            (high - band * tangent / quality + tangent**2) / scale,
        ],
        [1.0, 2 * (tangent**2 - 1) / scale, (1 - tangent / quality + tangent**2) / scale],
    )
    tangent, quality = np.tan(np.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    scale = 1 + tangent / quality + tangent**2
    low_cut = (
        [1.0, -2.0, 1.0],
        [1.0, 2 * (tangent**2 - 1) / scale, (1 - tangent / quality + tangent**2) / scale],
    )
    return shelf, low_cut


def loudness(context: MetricContext, profile: Profile) -> Loudness:
    """Builds the metric."""
    return Loudness(profile)
