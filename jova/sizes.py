"""Sizes of models for pretrained codecs and text encoders, from what one GPU trains in hours to the paper's.

They read latents of Wan's VAE (16 channels, cells of 8 pixels), tokens of LTX-2's audio VAE (128 channels, 25 a second)
and the states of text encoders. A token is 2 x 2 cells, so its 64 values are fewer than the network is wide, which
predicts velocities. The paper names 3.2B and 12B parameters, and no widths or depths: those are ours, with about three
shared blocks for each separate one. `jova.config.PRESETS` are the small sizes for drawn heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from jova.config import JovaConfig
from jova.timeline import Stream, Timeline

LTX_2_AUDIO = Stream(Fraction(100), 4)
"""Tokens of LTX-2's audio VAE: 4 spectra of 160 samples at 16 kHz."""
TEXT_CHANNELS = 4096
"""Channels of T5-XXL and of UMT5-XXL."""

_COMMON = JovaConfig(
    vocabulary=(),
    timeline=Timeline(frames=73, fps=Fraction(25), audio=LTX_2_AUDIO),
    video_channels=16,
    latent_height=16,
    latent_width=16,
    pixels_per_cell=8,
    patch=2,
    audio_channels=128,
    width=512,
    heads=8,
    separate_blocks=3,
    shared_blocks=10,
    text_channels=(TEXT_CHANNELS,),
    words="free",
    qk_norm="rms-own",
    modulation="shared",
    activation="gelu-tanh",
    rope_base=10_000.0,
    prediction="v",
)

_FIVE_SECONDS = Timeline(frames=121, fps=Fraction(24), audio=LTX_2_AUDIO)

SIZES: Mapping[str, JovaConfig] = {
    # 128 x 128 pixels, 2.9 s
    "small-128": _COMMON,
    # 256 x 256 pixels, 5 s
    "base": replace(
        _COMMON,
        timeline=_FIVE_SECONDS,
        latent_height=32,
        latent_width=32,
        width=1536,
        heads=12,
        separate_blocks=4,
        shared_blocks=16,
    ),
    # 480 x 832 pixels, 5 s
    "3b": replace(
        _COMMON,
        timeline=_FIVE_SECONDS,
        latent_height=60,
        latent_width=104,
        width=2048,
        heads=16,
        separate_blocks=7,
        shared_blocks=20,
    ),
    # 720 x 1280 pixels, 5 s
    "12b": replace(
        _COMMON,
        timeline=_FIVE_SECONDS,
        latent_height=90,
        latent_width=160,
        width=3072,
        heads=24,
        separate_blocks=12,
        shared_blocks=32,
    ),
}
"""Sizes by name. The clip is the default one: a model takes any length and size."""


def sized(name: str, text_channels: tuple[int, ...] = (TEXT_CHANNELS,)) -> JovaConfig:
    """Returns the size of a name, for text encoders of these channels.

    Raises:
        ValueError: there is no such size.
    """
    if name not in SIZES:
        raise ValueError(f"expected a size of {', '.join(SIZES)}, got {name!r}")
    return replace(SIZES[name], text_channels=text_channels)
