"""Finds when there is speech, for the manifest of prepared clips."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from jova_bench.arrays import Audio
from jova_bench.data.scan import HOW
from jova_bench.digests import file_digest, shortened
from jova_bench.errors import Unavailable
from jova_bench.metrics.speech import activity

LEAST = 0.1
"""Share of a clip in which speech must be heard."""
Stretches = activity.Stretches


def missing() -> str | None:
    """Returns how to install what it needs; None if it is there."""
    return HOW if activity.missing() else None


@cache
def by() -> str:
    """Returns name, version and digest of the network, for the manifest. Raises Unavailable without it."""
    if why_not := missing():
        raise Unavailable(why_not)
    return f"silero-vad {version('silero-vad')} [{shortened(file_digest(activity.packaged()))}]"


def stretches(audio: Audio) -> Stretches:
    """Returns the stretches of speech in (N,) samples at 16 kHz. Raises Unavailable without the package."""
    if why_not := missing():
        raise Unavailable(why_not)
    return activity.stretches(audio, activity.packaged())
