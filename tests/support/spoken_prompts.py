"""Prompts for models that need a picture or driving sound, and one sample of such a model."""

from fractions import Fraction

import numpy as np

from jova_bench.media import files as media
from support.asked import prompts, suite_of


def suite(folder, *captions, seconds=1.0, size=(64, 64), own=True):
    """A prompt for each caption, with a picture and a voice of its own, or else with a real clip that has both.

    Args:
        folder: for the files.
        captions: of the picture.
        seconds: of the voice.
        size: (height, width) of the picture.
        own: whether prompts name their picture and voice.
    """
    rate = 24_000
    voice = np.random.default_rng(0).uniform(-0.5, 0.5, (1, round(seconds * rate))).astype(np.float32)
    frames = np.random.default_rng(1).integers(0, 255, (max(1, round(seconds * 25)), *size, 3), np.uint8)
    folder.mkdir(exist_ok=True)
    media.write(folder / "voice.wav", None, Fraction(0), voice, rate)
    media.write(folder / "real.mp4", frames, Fraction(25), voice, rate)
    files = {"image": "real.mp4", "audio": "voice.wav"} if own else {"reference": "real.mp4"}
    asked = prompts(*captions, audio_caption="a calm voice", transcript="good day", **files)
    return suite_of(*asked, folder=folder)


def sample(baseline, asked, index=0, seed=0):
    """(what the baseline made, its frames, its sound) of one prompt. Raises what it failed by."""
    run = baseline.generate([asked.prompts[index]], seed, asked)
    made = next(run)
    if isinstance(made, Exception):
        raise made
    return made, np.array(made.media.frames), made.media.audio
