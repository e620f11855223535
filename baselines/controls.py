"""Controls: real clips, and real clips with one known defect, which show the range of every metric.

All are edits of the prompt's real clip. `real` is the upper bound; `silence` and `still` lack one modality; `shuffled`
has the speech of another clip; `shifted` has its own speech at the wrong time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.media.editing import advance, derangement, fit
from jova_bench.models.base import Generated, Media, Plan, Setting
from jova_bench.prompts import Prompt
from jova_bench.records import Timing
from jova_bench.suites.loading import Suite

SHUFFLE_SEED = 20251213
SHIFT_FRAMES = 5
"""0.2 s at 25 fps: five times the +-45 ms at which viewers begin to notice (ITU-R BT.1359)."""


class Control:
    """Base of controls: a clip edited from the prompt's real clip by a subclass."""

    batch_size = 1
    needs: tuple[str, ...] = ("reference",)
    edits_files = True
    name: str
    note: str
    edit: Mapping[str, Setting] = {}
    """What is done to the real clip; to change it is to make other clips under the same name."""
    audio_source: str
    """Source of the audio, for the run's manifest."""

    @property
    def settings(self) -> dict[str, str]:
        """Settings for the run's manifest."""
        return {"audio": self.audio_source}

    def check(self) -> str | None:
        """Returns None: a control needs no weights."""
        return None

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns a plan without a format, which is that of the real clip."""
        reference_path(prompt, suite)
        return Plan(note=self.note, settings=self.edit)

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Makes the clips one at a time; ignores the seed."""
        for prompt in prompts:
            yield self.make(prompt, suite)

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Makes the clip of one prompt."""
        raise NotImplementedError


class Real(Control):
    """Control: the reference file itself."""

    name = "real"
    note = "the reference file itself"
    audio_source = "the real clip's"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Returns the path of the file."""
        return Generated(media=reference_path(prompt, suite), timing="reference", timed=False)


class Silence(Control):
    """Control: real video with digital silence."""

    name = "silence"
    note = "real picture, digital silence"
    edit: Mapping[str, Setting] = {"audio": "zeros"}
    audio_source = "none"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Replaces every sample by zero."""
        clip = read_reference(prompt, suite)
        return edited(clip.frames, clip.fps, np.zeros_like(audio_of(clip)), clip, "aligned")


class Still(Control):
    """Control: the first frame repeated, with real audio."""

    name = "still"
    note = "first frame repeated, real audio"
    edit: Mapping[str, Setting] = {"frame": 0}
    audio_source = "the real clip's"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Repeats the first frame."""
        clip = read_reference(prompt, suite)
        frames = frames_of(clip)
        held = np.repeat(frames[:1], len(frames), axis=0)  # (T, H, W, 3)
        return edited(held, clip.fps, audio_of(clip), clip, "aligned")


class Shuffled(Control):
    """Control: real video with the audio of another prompt."""

    name = "shuffled"
    note = "real picture, real audio of another prompt, cut or padded with silence to the picture's length"
    edit: Mapping[str, Setting] = {"audio": "another prompt", "seed": SHUFFLE_SEED}
    audio_source = "the real clip's of another prompt"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Replaces the audio by that of the prompt's partner."""
        # Partners are drawn from the whole suite, so that clips do not depend on the number of prompts of a run.
        spoken = [other for other in suite.prompts if other.reference is not None]
        index = next(i for i, other in enumerate(spoken) if other.id == prompt.id)
        clip = read_reference(prompt, suite)
        partner = read_reference(spoken[derangement(len(spoken), SHUFFLE_SEED)[index]], suite)
        length = round(len(frames_of(clip)) / clip.fps * partner.sample_rate_hz)
        audio = fit(audio_of(partner), length)
        return edited(clip.frames, clip.fps, audio, partner, "free")


class Shifted(Control):
    """Control: the real clip with its audio 0.2 s before its video."""

    name = "shifted"
    note = f"real clip, audio {SHIFT_FRAMES} frames of 25 fps (0.2 s) earlier than the picture"
    edit: Mapping[str, Setting] = {"audio_frames_early": SHIFT_FRAMES}
    audio_source = "the real clip's, 0.2 s early"

    def make(self, prompt: Prompt, suite: Suite) -> Generated:
        """Shifts the audio and pads its end with silence."""
        clip = read_reference(prompt, suite)
        audio = advance(audio_of(clip), round(Fraction(SHIFT_FRAMES, 25) * clip.sample_rate_hz))
        # Not `aligned`: sample n no longer corresponds to sample n of the reference.
        return edited(clip.frames, clip.fps, audio, clip, "free")


def real(device: str) -> Real:
    """Builds the control; ignores the device."""
    return Real()


def silence(device: str) -> Silence:
    """Builds the control; ignores the device."""
    return Silence()


def still(device: str) -> Still:
    """Builds the control; ignores the device."""
    return Still()


def shuffled(device: str) -> Shuffled:
    """Builds the control; ignores the device."""
    return Shuffled()


def shifted(device: str) -> Shifted:
    """Builds the control; ignores the device."""
    return Shifted()


def edited(
    frames: npt.NDArray[np.uint8] | None,
    fps: Fraction,
    audio: npt.NDArray[np.float32],
    source: Clip,
    timing: Timing,
) -> Generated:
    """Returns a control's clip with the audio format of `source`; untimed, because editing measures no model."""
    return Generated(Media(frames, fps, audio, source.sample_rate_hz, source.layout), timing, timed=False)


def reference_path(prompt: Prompt, suite: Suite) -> Path:
    """Returns the path of the prompt's real clip. Raises BenchError if it has none."""
    if prompt.reference is None:
        raise BenchError(f"expected a prompt with a reference clip, got prompt {prompt.id!r} without one")
    return suite.path(prompt.reference)


@lru_cache(maxsize=8)
def _read(path: Path) -> Clip:
    """Decodes a file; the last ones are cached."""
    return media.read(path)


def read_reference(prompt: Prompt, suite: Suite) -> Clip:
    """Decodes the prompt's real clip."""
    return _read(reference_path(prompt, suite))


def frames_of(clip: Clip) -> npt.NDArray[np.uint8]:
    """Returns the frames (T, H, W, 3) of a reference clip. Raises BenchError if it has none."""
    if clip.frames is None:
        raise BenchError("expected a reference clip with a video stream, got one without")
    return clip.frames


def audio_of(clip: Clip) -> npt.NDArray[np.float32]:
    """Returns the samples (C, N) of a reference clip. Raises BenchError if it has none."""
    if clip.audio is None:
        raise BenchError("expected a reference clip with an audio stream, got one without")
    return clip.audio
