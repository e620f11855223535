"""Converts phonemes to mouth shapes: a target per phoneme, blended by coarticulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

FloatArray = npt.NDArray[np.float64]
COARTICULATION_S = 0.032
"""Standard deviation of the Gaussian blend between neighbouring phonemes, in seconds."""
_STEP_S = 0.002


@dataclass(frozen=True)
class Viseme:
    """Mouth shape of a phoneme; opening, width and teeth in [0, 1]."""

    opening: float
    width: float
    teeth: float
    dominance: float = 1.0
    """Weight in the blend with its neighbours: lips close for a p, however open the vowels around it."""


REST = Viseme(0.0, 0.45, 0.0, 0.6)
_BY_CLASS: tuple[tuple[str, Viseme], ...] = (
    ("p b m", Viseme(0.0, 0.45, 0.0, 4.0)),
    ("f v", Viseme(0.08, 0.5, 1.0, 3.0)),
    ("w u: u U o: O: O uI", Viseme(0.35, 0.05, 0.0, 1.5)),
    ("oU o@ @U 0 OI", Viseme(0.6, 0.15, 0.1)),
    ("a A a: A: A@ aI aU aa V 3:", Viseme(1.0, 0.6, 0.4)),
    ("E e eI e@ @ @- @L 3 a# I2 V2", Viseme(0.65, 0.75, 0.5)),
    ("i i: I j i@ i@3", Viseme(0.35, 1.0, 0.9)),
    ("s z S Z tS dZ", Viseme(0.16, 0.8, 1.0, 1.5)),
    ("t d n l T D", Viseme(0.25, 0.65, 0.7)),
    ("r R r-", Viseme(0.3, 0.3, 0.3)),
    ("k g N h x", Viseme(0.4, 0.55, 0.3, 0.7)),
)
_VISEMES = {phoneme: viseme for names, viseme in _BY_CLASS for phoneme in names.split()}


def viseme(phoneme: str) -> Viseme:
    """Returns the mouth shape of an espeak-ng mnemonic; ignores stress marks and length modifiers.

    Raises:
        KeyError: no class has the phoneme; silence would be a wrong shape.
    """
    if phoneme.startswith("_"):
        return REST
    bare = phoneme.strip("',%=;*!|?")
    for length in range(len(bare), 0, -1):  # `t2`, `l#`, `I#` are variants of the phoneme of their prefix
        if bare[:length] in _VISEMES:
            return _VISEMES[bare[:length]]
    raise KeyError(f"no viseme for phoneme {phoneme!r}")


def mouth_track(phonemes: tuple[str, ...], starts_s: FloatArray, times_s: FloatArray) -> FloatArray:
    """Returns the mouth shape at given times.

    Args:
        phonemes: P mnemonics.
        starts_s: (P,) their starts; each lasts until the next one starts, the last one is a pause.
        times_s: (T,) times of the frames.

    Returns:
        (T, 3) opening, width and teeth in [0, 1].
    """
    grid = np.arange(0.0, max(times_s[-1], starts_s[-1]) + 0.5, _STEP_S)
    shapes = [REST, *(viseme(phoneme) for phoneme in phonemes)]
    current = np.searchsorted(starts_s, grid, side="right")  # 0 before the first phoneme
    targets = np.array([(s.opening, s.width, s.teeth) for s in shapes])[current]  # (G, 3)
    weights = np.array([s.dominance for s in shapes])[current][:, None]  # (G, 1)
    sigma = COARTICULATION_S / _STEP_S
    blended = gaussian_filter1d(targets * weights, sigma, axis=0) / gaussian_filter1d(weights, sigma, axis=0)
    return np.stack([np.interp(times_s, grid, blended[:, part]) for part in range(3)], axis=1)
