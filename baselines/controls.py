"""Controls: what every metric should say of real clips, and of clips broken in one known way.

All start from the prompt's real clip. `real` is the top; `silence` and `still` lack one modality; `shuffled` has
speech that belongs to another face; `shifted` has the right speech at the wrong time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.models.base import Generated, Media, Plan
from jova_bench.records import Prompt, Timing
from jova_bench.suites.loading import Suite

SHUFFLE_SEED = 20251213
SHIFT_FRAMES = 5
"""0.2 s at 25 fps: five times the +-45 ms at which viewers begin to notice (ITU-R BT.1359)."""


class Control:
    """A clip made from the prompt's own real clip; subclasses say how."""

    batch_size = 1
    needs: tuple[str, ...] = ("reference",)
    edits_files = True
    name: str
    note: str
    heard: str
    """Whose sound it has."""

    @property
    def settings(self) -> dict[str, str]:
        """For the run's manifest."""
        return {"audio": self.heard}

    def check(self) -> str | None:
        """Always runs: there is nothing to load."""
        return None

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """The format of the real clip."""
        reference_path(prompt, suite)
        return Plan(None, None, None, None, None, None, note=self.note)

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Makes the clips one at a time; the seed changes nothing."""
        for prompt in prompts:
            yield self.make(prompt, suite)

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Makes the clip of one prompt."""
        raise NotImplementedError


class Real(Control):
    """The reference file itself."""

    name = "real"
    note = "the reference file itself"
    heard = "the real clip's"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Hands over the file, byte for byte."""
        return Generated(media=reference_path(prompt, suite), timing="reference", timed=False)


class Silence(Control):
    """The real picture without any sound."""

    name = "silence"
    note = "real picture, digital silence"
    heard = "none"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Replaces every sample by zero."""
        clip = read_reference(prompt, suite)
        return made(clip.frames, clip.fps, np.zeros_like(sound(clip)), clip, "aligned")


class Still(Control):
    """The first frame throughout, with the real sound."""

    name = "still"
    note = "first frame repeated, real audio"
    heard = "the real clip's"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Repeats the first frame."""
        clip = read_reference(prompt, suite)
        frames = picture(clip)
        held = np.repeat(frames[:1], len(frames), axis=0)  # (T, H, W, 3)
        return made(held, clip.fps, sound(clip), clip, "aligned")


class Shuffled(Control):
    """The real picture with the sound of another prompt."""

    name = "shuffled"
    note = "real picture, real audio of another prompt, cut or padded with silence to the picture's length"
    heard = "the real clip's of another prompt"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Takes the sound of the prompt's partner."""
        # The partners come from the whole suite, so that cutting a run short does not change any clip.
        spoken = [other for other in suite.prompts if other.reference is not None]
        index = next(i for i, other in enumerate(spoken) if other.id == prompt.id)
        clip = read_reference(prompt, suite)
        partner = read_reference(spoken[derangement(len(spoken), SHUFFLE_SEED)[index]], suite)
        length = round(len(picture(clip)) / clip.fps * partner.sample_rate_hz)
        audio = fit(sound(partner), length)
        return made(clip.frames, clip.fps, audio, partner, "free")


class Shifted(Control):
    """The real clip with its sound 0.2 s before its picture."""

    name = "shifted"
    note = f"real clip, audio {SHIFT_FRAMES} frames of 25 fps (0.2 s) earlier than the picture"
    heard = "the real clip's, 0.2 s early"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Moves the sound and fills its end with silence."""
        clip = read_reference(prompt, suite)
        audio = advance(sound(clip), round(Fraction(SHIFT_FRAMES, 25) * clip.sample_rate_hz))
        # Not `aligned`: sample n no longer stands beside sample n of the reference.
        return made(clip.frames, clip.fps, audio, clip, "free")


def real(device: str) -> Real:
    """Builds the control; the device does not matter."""
    return Real()


def silence(device: str) -> Silence:
    """Builds the control; the device does not matter."""
    return Silence()


def still(device: str) -> Still:
    """Builds the control; the device does not matter."""
    return Still()


def shuffled(device: str) -> Shuffled:
    """Builds the control; the device does not matter."""
    return Shuffled()


def shifted(device: str) -> Shifted:
    """Builds the control; the device does not matter."""
    return Shifted()


def made(
    frames: npt.NDArray[np.uint8] | None,
    fps: Fraction,
    audio: npt.NDArray[np.float32],
    heard: Clip,
    timing: Timing,
) -> Generated:
    """A control's clip, its sound as `heard` has it: editing a real clip takes time that says nothing of a model."""
    return Generated(Media(frames, fps, audio, heard.sample_rate_hz, heard.layout), timing, timed=False)


@lru_cache(maxsize=4)
def derangement(count: int, seed: int) -> tuple[int, ...]:
    """A random permutation of 0..count-1 that leaves nothing in its place (uniform, by rejection)."""
    if count < 2:
        raise BenchError(f"expected at least 2 prompts with a reference clip to shuffle, got {count}")
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(count)
        if not np.any(order == np.arange(count)):
            return tuple(int(index) for index in order)


def fit(audio: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.float32]:
    """(C, N) cut at its end, or padded there with silence, to (C, length)."""
    return np.pad(audio[:, :length], ((0, 0), (0, max(0, length - audio.shape[1]))))


def advance(audio: npt.NDArray[np.float32], samples: int) -> npt.NDArray[np.float32]:
    """(C, N) heard `samples` earlier: the start is lost, the end is silence."""
    return fit(audio[:, samples:], audio.shape[1])


def reference_path(prompt: Prompt, suite: Suite) -> Path:
    """Where the prompt's real clip lies."""
    if prompt.reference is None:
        raise BenchError(f"expected a prompt with a reference clip, got prompt {prompt.id!r} without one")
    return suite.path(prompt.reference)


@lru_cache(maxsize=8)
def _read(path: Path) -> Clip:
    return media.read(path)


def read_reference(prompt: Prompt, suite: Suite) -> Clip:
    """The prompt's real clip."""
    return _read(reference_path(prompt, suite))


def picture(clip: Clip) -> npt.NDArray[np.uint8]:
    """(T, H, W, 3) frames of a reference that must have them."""
    if clip.frames is None:
        raise BenchError("expected a reference clip with a video stream, got one without")
    return clip.frames


def sound(clip: Clip) -> npt.NDArray[np.float32]:
    """(C, N) samples of a reference that must have them."""
    if clip.audio is None:
        raise BenchError("expected a reference clip with an audio stream, got one without")
    return clip.audio
