"""Cuts shots into pieces of lengths that video codecs take: 1 + 4k frames at the clips' own rate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from jova_bench.data.records import ScannedVideo, Settings
from jova_bench.data.videos import clip_id
from jova_bench.media.decode import Span

LEEWAY_S = Fraction(1, 10)
"""Seconds that are read beyond a piece, where its shot goes on: a source of fewer frames may start a little later."""


@dataclass(frozen=True)
class Piece:
    """One clip to be judged."""

    id: str
    source: str
    frames: int
    """T at the clips' rate."""
    start_s: Fraction
    """Seconds from the video's first frame."""
    span: Span
    """What is read of the file."""


def pieces(video: ScannedVideo, settings: Settings) -> list[Piece]:
    """Cuts every shot from its start into the longest pieces that fit; what remains of it is left out.

    A shot that is shorter than the shortest length gives none.
    """
    tick, rate = Fraction(video.tick), settings.rate
    first = video.start * tick
    found: list[Piece] = []
    for shot in video.shots:
        start, end = shot[0] * tick, shot[1] * tick
        # Times are rounded to ticks: what one lacks to a frame, by no more than a quarter of it, counts as there.
        left = floor((end - start) * rate + min(tick * rate, Fraction(1, 4)))
        while length := next((n for n in settings.lengths if n <= left), 0):
            span = Span(start, min(end, start + length / rate + LEEWAY_S))
            found.append(Piece(clip_id(video.source, len(found)), video.source, length, start - first, span))
            start, left = start + length / rate, left - length
    return found
