"""torchaudio's resampling without torchaudio: a windowed sinc, equal to it sample for sample, as the benches use it.

Ours is `audio.resample`. Source: pytorch/audio v2.9 src/torchaudio/functional/functional.py,
`_get_sinc_resample_kernel` and `_apply_sinc_resample_kernel`.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, gcd, pi

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Audio


def sinc_resample(
    audio: Audio, from_hz: int, to_hz: int, width: int = 6, rolloff: float = 0.99, beta: float | None = None
) -> Audio:
    """Resamples (N,) to (ceil(N to_hz / from_hz),), with zeros outside the signal.

    Args:
        audio: (N,).
        from_hz: rate of `audio`.
        to_hz: rate wanted.
        width: zero crossings of the sinc on either side (`lowpass_filter_width`).
        rolloff: cutoff as a share of the lower Nyquist frequency.
        beta: of a Kaiser window (`sinc_interp_kaiser`); None for a squared cosine (`sinc_interp_hann`).
    """
    if from_hz == to_hz or not len(audio):
        return audio
    step, steps = from_hz // gcd(from_hz, to_hz), to_hz // gcd(from_hz, to_hz)
    kernels, reach = _kernels(step, steps, width, rolloff, beta)
    padded = np.pad(audio.astype(np.float32), (reach, reach + step))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[1])[::step]
    return (windows @ kernels.T).reshape(-1)[: ceil(steps * len(audio) / step)]


@lru_cache(maxsize=8)
def _kernels(
    step: int, steps: int, width: int, rolloff: float, beta: float | None
) -> tuple[npt.NDArray[np.float32], int]:
    """Returns one kernel for each of the `steps` new samples in every `step` old ones, and how far they reach back."""
    cutoff = min(step, steps) * rolloff
    reach = ceil(width * step / cutoff)
    old = np.arange(-reach, reach + step) / step
    new = (-np.arange(steps, dtype=np.float32) / np.float32(steps))[:, None]  # Upstream, too, has these in float32.
    t = np.clip((old + new) * cutoff, -width, width)
    if beta is None:
        window = np.cos(t * pi / width / 2) ** 2
    else:
        window = np.i0(beta * np.sqrt(1 - (t / width) ** 2)) / np.i0(beta)
    kernels = (np.sinc(t) * window * cutoff / step).astype(np.float32)
    kernels.setflags(write=False)
    return kernels, reach
