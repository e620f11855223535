"""Finds the constant rate at which a clip's frames are shown, and which frame is shown when."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

COMMON_RATES = (
    *(Fraction(n) for n in (8, 10, 12, 15, 16, 20, 24, 25, 30, 48, 50, 60)),
    *(Fraction(n * 1000, 1001) for n in (24, 30, 60)),
    Fraction(25, 2),
)
"""Rates to the nearest of which a variable frame rate is resampled."""
ROUNDED = Fraction(1, 4)
"""Largest error of a timestamp of a constant rate, in frames. A lost frame moves some by half a frame or more."""

Source = npt.NDArray[np.intp]


def stated_rate(times: Sequence[Fraction], declared: Sequence[Fraction], tick: Fraction) -> Fraction | None:
    """Finds the rate that every timestamp agrees with: a stated one, or the measured one; None if there is none.

    Args:
        times: when each frame is shown, s, from 0 and rising.
        declared: rates that the file states.
        tick: resolution of the times, s.
    """
    count = len(times)
    measured = [((count - 1) / times[-1]).limit_denominator(1001)] if count > 1 else []
    for fps in (*declared, *measured):
        if all(abs(time - k / fps) <= min(tick, ROUNDED / fps) for k, time in enumerate(times)):
            return fps
    return None


def grid_rate(times: Sequence[Fraction], declared: Sequence[Fraction], tick: Fraction) -> Fraction | None:
    """Finds the constant rate of which some frames were lost: the other frames lie on its grid.

    Where a tick is as long as a frame, it is such a rate itself. None if no rate up to the highest common one fits.
    """
    for fps in sorted({*declared, 1 / tick}):
        off = min(tick, ROUNDED / fps)
        places = [round(time * fps) for time in times]
        if fps > max(COMMON_RATES) or any(later <= earlier for earlier, later in pairwise(places)):
            continue
        if all(abs(time - place / fps) <= off for time, place in zip(times, places, strict=True)):
            return fps
    return None


def nearest_rate(times: Sequence[Fraction]) -> Fraction:
    """Finds the common rate that is nearest to the average of the frames' own."""
    average = (len(times) - 1) / times[-1]
    return min(COMMON_RATES, key=lambda rate: max(rate / average, average / rate))


def shown_at(times: Sequence[Fraction], fps: Fraction, count: int, tick: Fraction) -> Source:
    """Finds the newest frame that is on screen at k / fps, for k below `count`.

    A time that was rounded up, by half a tick at most and never by as much as a frame, still counts as reached.
    """
    rounding = min(tick / 2, ROUNDED / fps)
    moments = [float(k / fps + rounding) for k in range(count)]
    return np.searchsorted([float(time) for time in times], moments, side="right") - 1
