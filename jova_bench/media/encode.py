"""Encodes a clip: video as H.264, audio without loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from jova_bench.media.channels import Layout, ordinary
from jova_bench.media.clip import Clip

if TYPE_CHECKING:
    from av.container import OutputContainer


@dataclass(frozen=True)
class PictureCodec:
    """How x264 encodes frames: so that the same frames give the same bytes."""

    name: str = "libx264"
    pixels: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=dict)


TRANSPARENT = PictureCodec(options={"crf": "10", "bf": "0"})
"""x264's quantiser 10: near transparent on a 64 x 64 face, so that encoding changes no metric visibly."""
LOSSLESS = PictureCodec("libx264rgb", "rgb24", {"qp": "0", "preset": "ultrafast", "bf": "0"})
"""Every bit of every pixel, in ten times the bytes or more; twice as fast to encode, twice as slow to decode."""

WAVE = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC"),
    *("SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)
"""Channel positions that files can state, in the order in which they store the channels."""
FLAC = {
    *("FC", "FL FR", "FL FR FC", "FL FR BL BR", "FL FR FC SL SR", "FL FR FC LFE SL SR", "FL FR FC LFE BC SL SR"),
    "FL FR FC LFE BL BR SL SR",
}
"""Layout of FLAC in mp4 for each number of channels (RFC 9639, 9.1.3, as libav reads it)."""


def encode(container: OutputContainer, clip: Clip, picture: PictureCodec = TRANSPARENT) -> None:
    """Encodes both streams; the muxer interleaves them."""
    import av
    from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

    video: Any = None
    sound: Any = None
    reformatter = VideoReformatter()
    if clip.frames is not None:
        video = container.add_stream(picture.name, rate=clip.fps, options={**picture.options, **repeatable()})
        video.height, video.width = clip.frames.shape[1:3]
        video.pix_fmt = picture.pixels
        if picture.pixels != "rgb24":
            # Stated in the file, so that no player has to guess which matrix and range the colours were made with.
            video.codec_context.colorspace = Colorspace.ITU601
            video.codec_context.color_range = ColorRange.MPEG
    if clip.audio is not None:
        codec, places = _stored(container.format.name, clip.layout, len(clip.audio))
        layout = av.AudioLayout(places)
        sound = container.add_stream(codec, rate=clip.sample_rate_hz, layout=layout)
        sound.codec_context.format = "s16"
    for k, image in enumerate(() if clip.frames is None else clip.frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        if picture.pixels != "rgb24":
            frame = reformatter.reformat(
                frame,
                format=picture.pixels,
                dst_colorspace=Colorspace.ITU601,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
        frame.pts, frame.time_base = k, 1 / clip.fps
        container.mux(video.encode(frame))
    if clip.audio is not None:
        grid = np.clip(np.rint(clip.audio * np.float32(32768)), -32768, 32767).astype(np.int16)
        for start in range(0, grid.shape[1], 4096):
            packed = np.ascontiguousarray(grid[:, start : start + 4096].T).reshape(1, -1)
            block = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
            block.sample_rate, block.pts = clip.sample_rate_hz, start
            block.time_base = Fraction(1, clip.sample_rate_hz)
            container.mux(sound.encode(block))
    for stream in (video, sound):
        if stream is not None:
            container.mux(stream.encode())


def repeatable() -> dict[str, str]:
    """Returns options of x264 with which the same frames give the same bytes every time.

    One thread, and no AVX-512: with it, 49 of 1,100 encodings of one clip came out otherwise, and none of other clips;
    without, none of 2,100 (libx264 of PyAV 18.1, a Xeon of 2023). For some clips the two differ: for 33 of the 128 real
    ones of the embedded suite, by up to 38 levels.
    """
    from numpy._core._multiarray_umath import __cpu_features__ as features  # type: ignore[import-not-found]

    narrow = features.get("AVX512F") and features.get("AVX2")
    return {"threads": "1", **({"x264-params": "asm=AVX2"} if narrow else {})}


def _stored(family: str, layout: Layout, count: int) -> tuple[str, str]:
    """Returns the codec and the layout (in libav's words) in which a kind of file can store the channels."""
    placed = [WAVE.index(place) for place in layout if place in WAVE]
    stated = len(placed) == count and placed == sorted(set(placed)) and not ordinary(layout, count)
    if stated:
        places = "+".join(layout)
    elif count <= 2:
        places = ("mono", "stereo")[count - 1]
    else:
        # FLAC has places for whatever number of channels, wav can do without.
        places = f"{count} channels" if family == "wav" else "5.1" if count == 6 else f"{count}c"
    plain = family == "wav" or (family == "mp4" and stated and " ".join(layout) not in FLAC)
    return "pcm_s16le" if plain else "flac", places
