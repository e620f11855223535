"""Mel bands of the networks of the papers, on the HTK scale. Our own spectrograms use Slaney's (`audio`)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt


@lru_cache(maxsize=4)
def htk_bands(n_mels: int, n_fft: int, rate_hz: int, low_hz: float, high_hz: float) -> npt.NDArray[np.float64]:
    """Returns (M, n_fft // 2 + 1) triangles with peak 1 and edges that are evenly spaced, and straight, in mel.

    VGGish (mel_features.py) and Kaldi's filter banks, which PaSST takes from torchaudio, both have these.
    """
    mel = _mel(np.arange(n_fft // 2 + 1) * rate_hz / n_fft)
    edges = np.linspace(_mel(low_hz), _mel(high_hz), n_mels + 2)
    rising = (mel - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - mel) / np.diff(edges)[1:, None]
    bands = np.maximum(0.0, np.minimum(rising, falling))
    bands.setflags(write=False)
    return bands


def _mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return 1127 * np.log1p(np.asarray(hz, dtype=np.float64) / 700)
