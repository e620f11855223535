"""Clips that are awkward to measure, and a question to a metric that must end in a value or a reason."""

from fractions import Fraction

import numpy as np

from jova_bench.errors import Unavailable, Undefined
from jova_bench.prompts import Prompt
from jova_bench.records import Finding, Outcome
from support.clips import clip_of
from support.memory_cache import MemoryCache

PROMPT = Prompt(
    id="p",
    video_caption="a woman at a desk",
    audio_caption="a calm voice",
    transcript="good morning",
    tags={"hair": "red", "background": "blue", "voice": "high"},
)


def picture(count=25, height=64, width=64):
    """(T, H, W, 3) drifting waves with some noise."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(height)[:, None] / 5 + np.arange(width) / 7 + np.arange(count)[:, None, None] / 2)
    noisy = 127 + 90 * waves[..., None] + rng.normal(0, 8, (count, height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def sound(seconds=1.0, rate_hz=16_000, channels=1):
    """(channels, N) a buzz in syllables."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    buzz = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 12)) * np.sin(np.pi * 3 * time) ** 2
    return np.stack([0.2 * buzz / (1 + channel) for channel in range(channels)]).astype(np.float32)


VFR = Finding(code="vfr", detail="25 frames 20.0 to 60.0 ms apart, on average 24.100 fps")


AWKWARD = {
    "no audio": clip_of(picture(), None),
    "no video": clip_of(None, sound()),
    "silence": clip_of(picture(), np.zeros((1, 16_000), np.float32)),
    "0.2 s": clip_of(picture(5), sound(0.2)),
    "8 kHz mono": clip_of(picture(), sound(1, 8_000), 8_000),
    "48 kHz 5.1": clip_of(picture(), sound(1, 48_000, 6), 48_000),
    "63 x 65": clip_of(picture(25, 63, 65), sound()),
    "1 frame": clip_of(picture(1), sound()),
    "1 sample": clip_of(picture(), sound()[:, :1]),
    "variable frame rate": clip_of(picture(), sound(), findings=(VFR,)),
    "30000/1001 fps": clip_of(picture(30), sound(), fps=Fraction(30_000, 1001)),
}


REFERENCE = clip_of(picture(), sound())


CACHE = MemoryCache()


def one_line(reason):
    assert reason
    assert reason.strip() == reason
    assert "\n" not in reason


def ask(metric, awkward, prompt, reference):
    """Status of what a metric says; whatever is no answer is an error here."""
    if metric.spec.level == "set":
        try:
            features = metric.features(awkward)
        except (Undefined, Unavailable) as reason:
            one_line(str(reason))
            return "none"
        assert features.ndim in (1, 2)
        assert np.isfinite(features).all()
        return "ok"
    outcome = metric.score(awkward, prompt, reference)
    assert isinstance(outcome, Outcome)
    if outcome.status == "ok":
        assert np.isfinite(outcome.value)
    else:
        one_line(outcome.reason)
    return outcome.status
