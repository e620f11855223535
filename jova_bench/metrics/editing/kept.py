"""Whether an edited clip keeps what it was given: `kept_psnr` of the picture, `kept_audio` of the sound.

Both compare with the file that was given, decoded like any clip. A clip of another size, rate or number of channels has
no pixel or sample of that file, so nothing is resampled to compare it.
"""

from __future__ import annotations

import numpy as np

from jova_bench.arrays import Frames
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.editing.given import (
    MARGIN_S,
    MARGIN_WIDTH,
    Mask,
    edit_of,
    kept_frames,
    kept_pixels,
    kept_samples,
    read,
)
from jova_bench.prompts import DRIVEN, Prompt
from jova_bench.records import MetricSpec, Profile

CAP_DB = 100
"""Value of equal pictures, which have no finite PSNR."""
HALF_STEP = 0.5 / 32768
"""Half a step of 16 bits, in which clips are written."""
LOUDEST = 32767 / 32768
"""Largest sample of 16 bits. What is louder, as in compressed sound or floats, is written as this, or as -1."""


class KeptPicture(ClipMetric):
    """PSNR of the kept part of the picture, in dB."""

    def __init__(self, context: MetricContext, profile: Profile) -> None:
        super().__init__(context)
        self.spec = MetricSpec(
            name="kept_psnr",
            version=1,
            profile=profile,
            backend="psnr-rgb",
            params={"cap_db": CAP_DB, "margin_s": MARGIN_S, "margin_width": MARGIN_WIDTH},
            unit="dB",
            direction="up",
            needs=("video", "edit"),
            domain="edited clips that keep a part of the picture, in the format of the given clip",
            description=f"PSNR of the pixels that an edit keeps, against the given clip; {CAP_DB} where all are equal, "
            f"less where they were only re-encoded; pixels within {MARGIN_S} s of a span or 1/{1 / MARGIN_WIDTH:g} of "
            "the width of a mouth's box are left out, since latent cells there may be generated",
        )

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the kept pixels of every frame with those that were given; ignores the reference."""
        edit = edit_of(prompt)
        if edit.kind == "picture":
            raise Undefined("no picture is kept")
        if clip.frames is None:
            raise Undefined("no video stream")
        given = read(edit.clip, pictures=True)
        if given.frames is None:
            raise Undefined("the given clip has no video stream")
        _, height, width, _ = given.frames.shape
        if clip.frames.shape[1:3] != (height, width):
            got = f"{clip.frames.shape[2]} x {clip.frames.shape[1]}"
            raise Undefined(f"{got} pixels, the given clip has {width} x {height}")
        if clip.fps != given.fps:
            raise Undefined(f"{float(clip.fps):g} frames/s, the given clip has {float(given.fps):g}")
        if len(clip.frames) < len(given.frames):
            raise Undefined(f"{len(clip.frames)} frames, the given clip has {len(given.frames)}")
        frames = kept_frames(edit, len(given.frames), float(given.fps))
        pixels = kept_pixels(edit, height, width)
        if not (frames.any() and pixels.any()):
            raise Undefined("no picture is kept beyond the margin of what is made")
        return psnr(given.frames, clip.frames, frames, pixels)


class KeptSound(ClipMetric):
    """Share of the kept samples that are equal to the given ones."""

    def __init__(self, context: MetricContext, profile: Profile) -> None:
        super().__init__(context)
        self.spec = MetricSpec(
            name="kept_audio",
            version=1,
            profile=profile,
            backend="pcm16",
            params={"margin_s": MARGIN_S, "within": "half-step"},
            unit="share of samples",
            direction="up",
            needs=("audio", "edit"),
            domain="edited clips that keep audio, at the sampling rate and with the channels of the given audio",
            description="share of the kept samples that equal the given ones to 16 bits; samples within "
            f"{MARGIN_S} s of a span are left out, since audio tokens there may be generated",
        )

    def measure(self, clip: Clip, prompt: Prompt | None, reference: Clip | None) -> float:
        """Compares the kept samples with those that were given; ignores the reference."""
        edit = edit_of(prompt)
        if edit.kind == "sound":
            raise Undefined("no sound is kept")
        if clip.audio is None:
            raise Undefined("no audio stream")
        given = read(prompt.audio if prompt and edit.kind in DRIVEN else edit.clip, pictures=False)
        if given.audio is None:
            raise Undefined("what was given has no audio stream")
        if clip.sample_rate_hz != given.sample_rate_hz:
            raise Undefined(f"{clip.sample_rate_hz} Hz, what was given has {given.sample_rate_hz}")
        if len(clip.audio) != len(given.audio):
            raise Undefined(f"channels: {len(clip.audio)}, what was given has {len(given.audio)}")
        kept = kept_samples(edit, given.audio.shape[1], given.sample_rate_hz)  # (N,)
        if not kept.any():
            raise Undefined("no sound is kept beyond the margin of what is made")
        length = min(clip.audio.shape[1], len(kept))  # What is missing is not equal.
        own, theirs = (np.clip(sound[:, :length], -1, LOUDEST) for sound in (clip.audio, given.audio))
        close = np.abs(own - theirs) <= HALF_STEP  # (channels, length)
        return float(np.count_nonzero(close[:, kept[:length]]) / (len(close) * np.count_nonzero(kept)))


def psnr(given: Frames, made: Frames, frames: Mask, pixels: Mask) -> float:
    """Computes the PSNR of pixels of some frames in dB, over all of their red, green and blue; at most `CAP_DB`.

    Args:
        given: (T, H, W, 3).
        made: (T or more, H, W, 3).
        frames: (T,) which frames count.
        pixels: (H, W) which pixels of them count.
    """
    squares = 0
    for index in np.flatnonzero(frames):
        difference = given[index][pixels].astype(np.int64) - made[index][pixels]  # (pixels, 3)
        squares += int(np.square(difference).sum())
    count = 3 * np.count_nonzero(frames) * np.count_nonzero(pixels)
    return float(min(CAP_DB, 10 * np.log10(255**2 * count / squares))) if squares else float(CAP_DB)


def kept_psnr(context: MetricContext, profile: Profile) -> KeptPicture:
    """Builds the metric of the picture."""
    return KeptPicture(context, profile)


def kept_audio(context: MetricContext, profile: Profile) -> KeptSound:
    """Builds the metric of the sound."""
    return KeptSound(context, profile)
