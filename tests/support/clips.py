"""Makes clips from arrays, and files from clips."""

from fractions import Fraction

import numpy as np

from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.media.files import clip_from_arrays


def clip_of(frames, audio, rate_hz=16_000, fps=25, **fields):
    """Returns a clip of (T, H, W, 3) frames and (C, N) audio, or of either, with the digest of its content."""
    return clip_from_arrays(frames, Fraction(fps), audio, rate_hz, **fields)


def audio_clip(audio, rate_hz=16_000, digest="0" * 64, **fields):
    """Returns a clip of (N,) or (C, N) audio, or of none, without frames and with a stand-in for its digest."""
    audio = None if audio is None else np.atleast_2d(np.asarray(audio, np.float32))
    return Clip(frames=None, fps=Fraction(0), audio=audio, sample_rate_hz=rate_hz, digest=digest, **fields)


def silent_clip(frames, fps=25, digest=None):
    """Returns a clip of (H, W, 3) frames without audio, with the digest of its content."""
    return clip_from_arrays(np.stack(frames), Fraction(fps), None, 0, digest=digest)


def sine(hz, seconds=1.0, rate_hz=16_000, amplitude=1.0):
    """Returns (N,) samples of a tone."""
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def write_noise(path, seconds=1.0, seed=0, rate_hz=16_000):
    """Writes a file of uniform noise, half as loud as can be, whatever its name ends in; returns its path."""
    audio = np.random.default_rng(seed).uniform(-0.5, 0.5, (1, round(seconds * rate_hz))).astype(np.float32)
    plain = path.with_name(f"plain-{seed}.wav")
    media.write(plain, None, Fraction(0), audio, rate_hz)
    return plain.rename(path)
