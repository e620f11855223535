"""Lists the planted changes: each a pure function of a real clip, at one strength of one axis.

A change of the sound leaves every pixel as it is, and one of the picture every sample. None moves the rest of the clip
in time or makes it longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from jova_bench.arrays import Audio, Frames
from jova_bench.calibration import pictures, sounds
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.media import round_trip
from jova_bench.media.clip import Clip
from jova_bench.media.editing import advance, fit
from jova_bench.metrics.responses import Axis
from jova_bench.metrics.signal.audio import resample

UNCHANGED = "unchanged"
"""Name of the clip as it is, which is encoded as all others are."""
Other = Callable[[], Clip]
"""Reads the sound of another clip."""
Plant = Callable[[Clip, int, Other], Clip]
"""Returns the clip with the change at a strength."""


class Kind(NamedTuple):
    """What the changes of an axis have in common."""

    title: str
    unit: str
    """Unit of strengths; empty for a change that is there or not."""
    strengths: tuple[int, ...]
    plant: Plant
    aligned: bool = True
    """Whether sample n of the sound still is what it was, so that it can be compared with the clip's own."""


@dataclass(frozen=True)
class Change:
    """One change at one strength."""

    axis: Axis
    strength: int

    @property
    def kind(self) -> Kind:
        """Returns what it has in common with the others of its axis."""
        return KINDS[self.axis]

    @property
    def name(self) -> str:
        """Returns its name, which is that of the model whose clips have it: `offset-early-3`, `h264-28`, `mirror`."""
        if self.axis == Axis.OFFSET:
            return f"offset-{'early' if self.strength > 0 else 'late'}-{abs(self.strength)}"
        return f"{self.axis}-{self.strength}" if self.kind.unit else str(self.axis)

    @property
    def title(self) -> str:
        """Returns what tables call it: `White noise, 10 dB`."""
        return f"{self.kind.title}, {self.strength} {self.kind.unit}" if self.kind.unit else self.kind.title


def offset(clip: Clip, frames: int, other: Other) -> Clip:
    """Plays the sound so many frames before the picture, to the sample; silence fills the end that becomes free."""
    _picture(clip)
    return replace(clip, audio=advance(_sound(clip), round(frames / clip.fps * clip.sample_rate_hz)))


def other_sound(clip: Clip, _: int, other: Other) -> Clip:
    """Takes the sound of another clip, cut or filled with silence to the length of this one."""
    partner = other()
    seconds = Fraction(_sound(clip).shape[1], clip.sample_rate_hz)
    length = max(1, round(seconds * partner.sample_rate_hz))
    sound = fit(_sound(partner), length)
    return replace(clip, audio=sound, sample_rate_hz=partner.sample_rate_hz, layout=partner.layout)


def at_sampling_rate(clip: Clip, rate_hz: int, other: Other) -> Clip:
    """Resamples the sound by SoX's filter."""
    made = np.stack([resample(channel, clip.sample_rate_hz, rate_hz) for channel in _sound(clip)])
    return replace(clip, audio=made, sample_rate_hz=rate_hz)


def at_frame_rate(clip: Clip, fps: int, other: Other) -> Clip:
    """Shows at each time of the new rate the frame that was shown then."""
    return replace(clip, frames=pictures.at_rate(_picture(clip), clip.fps, Fraction(fps)), fps=Fraction(fps))


def _heard(edit: Callable[[Clip, int], Audio]) -> Plant:
    """Makes a change of the samples alone."""
    return lambda clip, strength, other: replace(clip, audio=edit(clip, strength))


def _seen(edit: Callable[[Clip, int], Frames]) -> Plant:
    """Makes a change of the pixels alone."""
    return lambda clip, strength, other: replace(clip, frames=edit(clip, strength))


KINDS: Mapping[Axis, Kind] = {
    Axis.OFFSET: Kind(
        "Sound early (+) or late (-)", "frames",
        (*range(-15, 0), *range(1, 16)), offset, aligned=False,
    ),
    Axis.OTHER_SOUND: Kind("Sound of another clip", "", (0,), other_sound, aligned=False),
    Axis.SILENCE: Kind("Silence", "", (0,), _heard(lambda clip, _: np.zeros_like(_sound(clip)))),
    Axis.NOISE: Kind(
        "White noise", "dB", (30, 20, 10, 0),
        _heard(lambda clip, snr: sounds.with_noise(_sound(clip), snr, _seed(clip))),
    ),
    Axis.MUSIC: Kind(
        "Music under the sound", "dB", (20, 10, 0),
        _heard(lambda clip, snr: sounds.with_music(_sound(clip), clip.sample_rate_hz, snr, _seed(clip))),
    ),
    Axis.AAC: Kind(
        "Sound through AAC", "kbit/s", (96, 48, 24),
        _heard(lambda clip, kbits: round_trip.aac(_sound(clip), clip.sample_rate_hz, 1000 * kbits)),
    ),
    Axis.SAMPLE_RATE: Kind("Sampling rate", "Hz", (16_000, 44_100, 48_000), at_sampling_rate),
    Axis.H264: Kind(
        "Picture through H.264", "crf", (18, 28, 38, 48),
        _seen(lambda clip, crf: round_trip.h264(_picture(clip), clip.fps, crf)),
    ),
    Axis.FRAME_RATE: Kind("Frame rate", "fps", (24, 25, 30), at_frame_rate),
    Axis.CROP: Kind(
        "Middle kept, scaled back", "%", (90, 75, 50),
        _seen(lambda clip, share: pictures.cropped(_picture(clip), share / 100)),
    ),
    Axis.MIRROR: Kind("Mirrored", "", (0,), _seen(lambda clip, _: _picture(clip)[:, :, ::-1])),
    Axis.STUTTER: Kind(
        "Frames repeated", "%", (10, 25, 50),
        _seen(lambda clip, share: pictures.stuttering(_picture(clip), share / 100, _seed(clip))),
    ),
}  # fmt: skip
"""What is planted, by axis."""


def chosen(names: Sequence[str] | None) -> tuple[Change, ...]:
    """Returns the changes of some axes, or of some names; all for None.

    Raises:
        BenchError: none has that name.
    """
    there = tuple(Change(axis, strength) for axis, kind in KINDS.items() for strength in kind.strengths)
    if names is None:
        return there
    known = [*KINDS, *(one.name for one in there)]
    if not names:
        raise BenchError(f"expected one or more changes, got none; known are: {', '.join(KINDS)}")
    for name in names:
        if name not in known:
            raise BenchError(
                f"expected what to change, such as h264 or h264-28, got {shown(name)}; {suggest(name, KINDS)}"
            )
    return tuple(one for one in there if {str(one.axis), one.name} & set(names))


def _sound(clip: Clip) -> Audio:
    """Returns (C, N). Raises BenchError without sound."""
    if clip.audio is None:
        raise BenchError("the clip has no sound to change")
    return clip.audio


def _picture(clip: Clip) -> Frames:
    """Returns (T, H, W, 3). Raises BenchError without a picture."""
    if clip.frames is None:
        raise BenchError("the clip has no picture to change")
    return clip.frames


def _seed(clip: Clip) -> int:
    """Returns the seed of a clip, which is that of its content: strengths of one axis differ in strength alone."""
    return int(clip.digest[:12], 16)
