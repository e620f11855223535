"""Handles audio channels by their positions: mixes them to mono, weighs their loudness, finds those that cancel.

Positions are libav's names: `FL`, `FR`, `FC`, `LFE`, `SL`, ... Arrays in, numbers out. Letters: C channels, N samples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Layout = tuple[str, ...]
"""Position of each channel; empty where unknown."""
Weights = npt.NDArray[np.float32]

STEREO: frozenset[Layout] = frozenset({("FL", "FR"), ("DL", "DR")})

_BY_WEIGHT = (
    (1.0, ("FC",)),
    (float(np.sqrt(0.5)), ("FL", "FR", "DL", "DR", "FLC", "FRC", "TFL", "TFR")),
    (0.5, ("BL", "BR", "BC", "SL", "SR")),
    (0.0, ("LFE", "LFE2", "WL", "WR", "SDL", "SDR", "SSL", "SSR", "BFC", "BFL", "BFR")),
    (0.0, ("TC", "TFC", "TBL", "TBC", "TBR", "TSL", "TSR", "TTL", "TTR")),
)
MIX = {place: weight for weight, places in _BY_WEIGHT for place in places}
"""Weight of each position in the mix to mono: ITU-R BS.775-4, table 2; for further positions libswresample/rematrix.c.

ffmpeg's `-ac 1` mixes in the same way and leaves the sum as it is in floating point: speech in the centre keeps its
loudness. It drops the low-frequency effects, and positions for which it has no rule."""

SURROUND = 1.41
"""Power weight of channels 60 to 120 degrees from the front (ITU-R BS.1770-4, table 4)."""

BAND_EDGES_HZ = (0, 250, 500, 1000, 2000, 4000, 8000)
TILE_S = 0.1
GONE = 0.1
"""A mix of channels that have nothing in common has the sum of their powers; where less than this is left, they cancel.

Averaged over a tile of a tenth of a second and an octave, so that neither the phases of single tones nor the comb of
two microphones that stand apart look like it."""


def known(layout: Layout) -> bool:
    """Returns whether every channel has a position (`NONE` and Ambisonics' parts are none)."""
    return bool(layout) and all(place in MIX for place in layout)


def ordinary(layout: Layout, count: int) -> bool:
    """Returns whether the audio is mono, stereo, or two channels without positions: these count alike."""
    return count == 1 or (count == 2 and (layout in STEREO or not known(layout)))


def mix_weights(layout: Layout, count: int) -> Weights:
    """Returns the (C,) weights of the mix to mono: by position, or equal where these are ordinary or unknown."""
    if known(layout) and not ordinary(layout, count) and any(MIX[place] for place in layout):
        return np.array([MIX[place] for place in layout], np.float32)
    return np.full(count, 1 / count, np.float32)


def mix(audio: npt.NDArray[np.float32], layout: Layout) -> npt.NDArray[np.float32]:
    """Mixes (C, N) audio to (N,) mono, and scales it down to full scale where a sum of channels exceeds it."""
    if ordinary(layout, len(audio)) or not known(layout):
        return audio.mean(axis=0, dtype=np.float32)
    mixed = mix_weights(layout, len(audio)) @ audio
    return (mixed / max(1.0, float(np.abs(mixed).max(initial=0)))).astype(np.float32)


def loudness_weights(layout: Layout, count: int) -> npt.NDArray[np.float64] | None:
    """Returns the (C,) power weights after BS.1770-4, or None where they depend on unknown positions.

    The pair behind the listener is the surround pair of a layout without sides (5.1), and behind it in one with sides.
    """
    if ordinary(layout, count):
        return np.ones(count)
    if not known(layout):
        return None
    surround = {"SL", "SR", "WL", "WR"} | (set() if "SL" in layout else {"BL", "BR"})
    return np.array([0.0 if place.startswith("LFE") else SURROUND if place in surround else 1.0 for place in layout])


def cancelled(audio: npt.NDArray[np.float32], layout: Layout, rate_hz: int) -> tuple[float, float]:
    """Measures what the mix to mono loses because channels cancel each other.

    Args:
        audio: (C, N), C > 1.
        layout: positions of the channels, or ().
        rate_hz: sampling rate.

    Returns:
        The share, 0 to 1, of the channels' power that lies in tiles of time and frequency which cancel; and the power
        of the whole mix over that of channels that have nothing in common (1; 0 for opposite phases, C for equal ones).
    """
    size = max(min(round(TILE_S * rate_hz), audio.shape[1]), 2)
    tiles = -(-audio.shape[1] // size)
    weighted = mix_weights(layout, len(audio))[:, None] * audio
    padded = np.pad(weighted, ((0, 0), (0, tiles * size - audio.shape[1]))).reshape(len(audio), tiles, size)
    spectra = np.fft.rfft(padded * np.hanning(size + 2)[1:-1], axis=2)  # (C, tiles, bins)
    edges = np.unique(np.searchsorted(np.fft.rfftfreq(size, 1 / rate_hz), BAND_EDGES_HZ))
    edges = edges[edges < spectra.shape[2]]
    mixed = np.add.reduceat(np.abs(spectra.sum(axis=0)) ** 2, edges, axis=1)  # (tiles, bands)
    apart = np.add.reduceat((np.abs(spectra) ** 2).sum(axis=0), edges, axis=1)
    total = apart.sum()
    if not total > 0:
        return 0.0, 1.0
    return float(apart[mixed < GONE * apart].sum() / total), float(mixed.sum() / total)
