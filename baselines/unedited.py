"""The control `unedited`: a clip as it was given before an edit, and the reading of what an edit gives.

It is the floor of lip-sync and the most errors among new words. Of what is kept it is the top for `speech`, a copied
file; other kinds are written again, as a model's clips are, and lose as much.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from jova_baselines.controls import Control, audio_of, edited, frames_of
from jova_baselines.external.inputs import first_frame
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.models.base import Generated, Plan
from jova_bench.prompts import DRIVEN, Edit, Prompt
from jova_bench.suites.loading import Suite

FPS = Fraction(25)
"""Frame rate of a picture that was given as an image: that at which evaluators of lip-sync look."""
RATE_HZ = 16_000
"""Sampling rate of silence beside a picture that was given without sound."""


class Unedited(Control):
    """Control: the clip as it was given, of which nothing is made.

    `speech`: the clip itself. `mouth`: its picture with the given sound. `picture`: the image in every frame, with the
    given sound; without an image, that sound alone. `sound`: its picture with silence.
    """

    name = "unedited"
    needs: tuple[str, ...] = ("edit",)
    note = "as given before the edit"
    audio_source = "as given; silence where none is"

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns a plan without a format, which is that of what is given. Raises BenchError without an edit."""
        return Plan(note=self.note, settings={"edit": edit_of(prompt).kind})

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Puts together what is given."""
        edit = edit_of(prompt)
        if edit.kind == "speech":
            return Generated(given_file(prompt, suite), timing="free", timed=False)
        if edit.kind == "sound":
            clip = given_picture(prompt, suite)
            rate_hz = clip.sample_rate_hz or RATE_HZ
            silence = np.zeros((1, round(len(frames_of(clip)) / clip.fps * rate_hz)), np.float32)
            return edited(clip.frames, clip.fps, silence, Clip(None, Fraction(0), None, rate_hz, ""), "aligned")
        sound = given_sound(prompt, suite)
        if edit.kind == "mouth":
            clip = given_picture(prompt, suite)
            return edited(clip.frames, clip.fps, audio_of(sound), sound, "aligned")
        if prompt.image is None:
            return edited(None, Fraction(0), audio_of(sound), sound, "aligned")
        image = first_frame(suite.path(prompt.image))
        height, width = (side // 2 * 2 for side in image.shape[:2])  # video has even sizes
        count = max(1, round(audio_of(sound).shape[1] * FPS / sound.sample_rate_hz))
        frames = np.repeat(image[None, :height, :width], count, axis=0)  # (T, H, W, 3)
        return edited(frames, FPS, audio_of(sound), sound, "aligned")


def unedited(device: str) -> Unedited:
    """Builds the control; ignores the device."""
    return Unedited()


def edit_of(prompt: Prompt) -> Edit:
    """Returns the edit that a prompt asks for. Raises BenchError without one."""
    if prompt.edit is None:
        raise BenchError(
            f"expected a prompt with an edit, got prompt {prompt.id!r} without one (docs/suites.md of our repository)"
        )
    return prompt.edit


def given_file(prompt: Prompt, suite: Suite) -> Path:
    """Returns the path of the clip that is edited."""
    clip = edit_of(prompt).clip
    assert clip is not None  # kinds without one are not asked
    return suite.path(clip)


def given_picture(prompt: Prompt, suite: Suite) -> Clip:
    """Decodes the clip whose picture is given. Raises BenchError if it has none."""
    clip = _read(given_file(prompt, suite))
    if clip.frames is None:
        raise BenchError(f"expected a clip with a picture for the edit of {prompt.id!r}, got one without")
    return clip


def given_sound(prompt: Prompt, suite: Suite) -> Clip:
    """Decodes the prompt's sound where it drives the edit, else that of the clip. Raises BenchError if it has none."""
    if edit_of(prompt).kind in DRIVEN:
        assert prompt.audio is not None  # the prompt's own check
        sound = _read(suite.path(prompt.audio))
    else:
        sound = _read(given_file(prompt, suite))
    if sound.audio is None:
        raise BenchError(f"expected a file with sound for the edit of {prompt.id!r}, got one without")
    return sound


@lru_cache(maxsize=8)
def _read(path: Path) -> Clip:
    """Decodes a file; the last ones are cached."""
    return media.read(path)
