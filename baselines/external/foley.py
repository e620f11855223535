"""What models that generate audio for a video read of it, and how much of it their audio covers."""

from __future__ import annotations

from jova_baselines.external.inputs import SourceVideo


def kept(film: SourceVideo, rate: float) -> int:
    """Returns the number of frames that an upstream reads at another rate.

    For each time it takes the first frame not before it. It accumulates times, and the sums drift: of a video of 25
    frames per second the last frame may be missing (MMAudio's reader, which HunyuanVideo-Foley shares).
    """
    count, wanted = 0, 0.0
    for k in range(film.frames):
        while float(k / film.fps) >= wanted:
            count, wanted = count + 1, wanted + 1 / rate
    return count


def short(film: SourceVideo, seconds: float) -> str:
    """Returns a note if the audio is shorter than the video; longer audio is cut."""
    left = film.seconds - seconds
    return f"the sound ends {left:.3f} s before the picture" if left > 0.001 else ""
