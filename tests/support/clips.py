"""Makes clips from arrays."""

from fractions import Fraction

import numpy as np

from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays


def audio_clip(audio, rate=16_000, digest="0" * 64, timing="free"):
    """Returns a clip of (N,) or (C, N) audio, or of none, without frames and with a stand-in for its digest."""
    audio = None if audio is None else np.atleast_2d(np.asarray(audio, np.float32))
    return Clip(frames=None, fps=Fraction(0), audio=audio, sample_rate_hz=rate, digest=digest, timing=timing)


def silent_clip(frames, fps=25):
    """Returns a clip of (H, W, 3) frames without audio, with the digest of its content."""
    return clip_from_arrays(np.stack(frames), Fraction(fps), None, 0)
