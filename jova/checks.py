"""Checks that the parts of a model fit each other, and lengths and sizes of clips the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from jova.bounds import Size, check_number
from jova.codecs.base import Codec, OfOneSize, PictureCodec, SoundCodec
from jova.config import JovaConfig
from jova.text import PromptEncoder


def check_codecs(config: JovaConfig, video_codec: PictureCodec, audio_codec: SoundCodec) -> None:
    """Raises ValueError unless the codecs are such as a model was trained with."""
    clock = config.timeline
    for wanted, got, what in (
        (config.video_channels, video_codec.channels, "a video codec of {} channels"),
        (config.audio_channels, audio_codec.channels, "an audio codec of {} channels"),
        (config.pixels_per_cell, video_codec.pixels_per_cell, "a video codec of {} pixels per cell"),
        (clock.frames_per_latent, video_codec.frames_per_latent, "a video codec of {} frames per latent"),
        (clock.sample_rate_hz, audio_codec.sample_rate_hz, "an audio codec of {} samples/s"),
        (clock.audio, audio_codec.stream, "an audio codec of {}"),
    ):
        if wanted != got:
            raise ValueError(f"expected {what.format(wanted)}, got one of {got}")


def check_fingerprints(made_by: Mapping[str, str], parts: Mapping[str, Codec | PromptEncoder]) -> None:
    """Raises ValueError unless parts are the very ones that made the examples of a model's training.

    Args:
        made_by: fingerprints in the model's file, by name of the part; those of older files are not known.
        parts: that are to be used, by the same names.
    """
    for name, part in parts.items():
        if name in made_by and (wanted := made_by[name]) != part.fingerprint:
            what = name.replace("_", " ")
            raise ValueError(
                f"expected the {what} {wanted}, with which the model was trained, got {part.fingerprint}, which makes "
                f"others; put the one of the training into the model's folder"
            )


def check_text(config: JovaConfig, encoder: PromptEncoder | None) -> None:
    """Raises ValueError unless the text encoders are such as a model was trained with."""
    channels = () if encoder is None else encoder.channels
    if channels != config.text_channels:
        wanted, got = (
            f"text encoders of {', '.join(map(str, each))} channels" if each else "no text encoder"
            for each in (config.text_channels, channels)
        )
        raise ValueError(f"expected {wanted}, got {got}")


def check_driving(config: JovaConfig, audios: Sequence[npt.NDArray[np.float32]] | None) -> None:
    """Raises ValueError unless an audio-driven model, and no other, is given audio (N,) of a clip's length."""
    if (audios is None) == (config.task == "audio-driven"):
        given = "none" if audios is None else "some"
        raise ValueError(f"expected audio for an audio-driven model and none for a joint one, got {given}")
    samples = config.timeline.samples
    if wrong := [len(audio) for audio in audios or () if len(audio) != samples]:
        raise ValueError(f"expected audio of {samples} samples, the length of the clip, got {wrong[0]}")


def nearest(value: int | Fraction, step: int, first: int) -> int:
    """Returns the number nearest to `value` that is `first` (0 or 1) + a multiple of `step`, at least 1 of them all.

    Of two, the smaller.
    """
    count = -((step - 2 * (value - first)) // (2 * step))  # half is rounded down
    return max(first or step, first + count * step)


def resized(
    config: JovaConfig, codec: PictureCodec, frames: int | None, height: int | None, width: int | None
) -> JovaConfig:
    """Returns a model's config with a length and a size in the place of its own.

    Args:
        config: of the model.
        codec: its video codec.
        frames: T, of the clip; None for the config's.
        height: H, of a frame in pixels; None for the config's.
        width: W; None for the config's.

    Raises:
        ValueError: codecs or patches do not divide them, which says what is the nearest that they do; or no clip has so
            many.
    """
    for name, value in (("frames", frames), ("height", height), ("width", width)):
        check_number(Size | None, value, name)
    clock, cells = config.timeline, config.pixels_per_cell
    length = clock.frames if frames is None else frames
    high, wide = config.picture_size
    size = (high if height is None else height, wide if width is None else width)
    if length != (near := nearest(length, clock.frames_per_latent, 1)):
        raise ValueError(f"expected 1 + {clock.frames_per_latent}k frames, got {length}; the nearest is {near}")
    step = cells * config.patch
    for name, side in zip(("height", "width"), size, strict=True):
        if side != (near := nearest(side, step, 0)):
            raise ValueError(f"expected {name} in multiples of {step} pixels, got {side}; the nearest is {near}")
    if isinstance(codec, OfOneSize) and size != codec.picture_size:
        only, got = (f"{h} x {w}" for h, w in (codec.picture_size, size))
        raise ValueError(f"expected pictures of {only} pixels, the only size of this model's video codec, got {got}")
    clock = replace(clock, frames=length)
    return replace(config, timeline=clock, latent_height=size[0] // cells, latent_width=size[1] // cells)
