"""Splits the speech of a clip into turns of voices, of at most as many as are asked for.

Stretches of speech (Silero VAD) are cut into pieces of a second and a half at most; their voices are clustered
(average linkage of cosines) into as many as there are speakers. Two clusters whose speech, joined, is one voice by the
threshold usual for the recogniser are one, and so are those that others join: a model that gives all lines to one voice
has one. Pieces of a voice
that follow one another are a turn. A piece in which two people speak is one voice's; a change of voice without a pause
is found to within a piece.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Audio, FloatArray
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.signal.audio import RATE_HZ
from jova_bench.metrics.speech import activity
from jova_bench.metrics.speech.activity import Stretches
from jova_bench.metrics.speech.voices import MOST_S, Encoder

PIECE_S, LEAST_S = 1.5, 0.5
"""Longest piece of a stretch, and the shortest sound of which a voice is taken: what is shorter is widened."""
SAME = 0.86
"""Cosine from which two voices are one, usual for microsoft/wavlm-base-plus-sv and not calibrated on made clips."""


class Turn(NamedTuple):
    """What one voice says at a stretch."""

    start_s: float
    stop_s: float
    voice: int


def turns(audio: Audio, most: int, encoder: Encoder, context: MetricContext) -> list[Turn]:
    """Returns the turns in (N,) samples at 16 kHz, in their order; none without speech.

    Args:
        audio: half a second or more.
        most: voices.
        encoder: of voices.
        context: cache, device and weights.

    Raises:
        Unavailable: the network that finds speech, or the one that embeds voices, cannot be used.
    """
    found = pieces(activity.speech(audio, context.cache))
    if not found:
        return []

    def voice(parts: list[tuple[float, float]]) -> FloatArray:
        speech = np.concatenate([cut(audio, start, stop) for start, stop in parts])
        return encoder.embedding(speech[: round(MOST_S * RATE_HZ)], context)

    labels = clustered(np.stack([voice([one]) for one in found]), most)
    joined = [
        voice([one for one, own in zip(found, labels, strict=True) if own == label]) for label in range(max(labels) + 1)
    ]
    same = united(np.stack(joined))
    spoken = [(one, int(same[label])) for one, label in zip(found, labels, strict=True)]
    runs = [list(run) for _, run in groupby(spoken, key=lambda one: one[1])]
    return [Turn(run[0][0][0], run[-1][0][1], run[0][1]) for run in runs]


def pieces(stretches: Stretches) -> list[tuple[float, float]]:
    """Cuts each stretch, in s, into equal pieces of at most `PIECE_S`."""
    edges = [np.linspace(start, stop, 1 + max(1, ceil((stop - start) / PIECE_S))) for start, stop in stretches]
    return [(float(start), float(stop)) for one in edges for start, stop in pairwise(one)]


def cut(audio: Audio, start_s: float, stop_s: float) -> Audio:
    """Cuts a piece out of (N,) samples at 16 kHz, widened on both sides to `LEAST_S` where it is shorter."""
    wider = max(0.0, LEAST_S - (stop_s - start_s)) / 2
    least = round(LEAST_S * RATE_HZ)
    start = min(max(0, round((start_s - wider) * RATE_HZ)), max(0, len(audio) - least))
    return audio[start : max(round((stop_s + wider) * RATE_HZ), start + least)]


def clustered(voices: FloatArray, most: int) -> npt.NDArray[np.int64]:
    """Returns the (n,) clusters, from 0, of (n, d) voices of length 1: at most so many.

    Where pairs are equally far apart their order decides: pieces come in that of time, so a clip has one answer.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(voices) == 1:
        return np.zeros(1, np.int64)
    return np.asarray(fcluster(linkage(voices, "average", "cosine"), most, "maxclust") - 1, dtype=np.int64)


def united(voices: FloatArray) -> npt.NDArray[np.int64]:
    """Returns the (n,) numbers, from 0, of (n, d) voices of length 1: those `SAME` or nearer are one.

    These are the connected parts of a graph, whatever the order and however many are equally far apart.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(voices) == 1:
        return np.zeros(1, np.int64)
    return np.asarray(fcluster(linkage(voices, "single", "cosine"), 1 - SAME, "distance") - 1, dtype=np.int64)
