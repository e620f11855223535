"""Takes a media file apart: decoded frames with their times, and decoded sound with the time of its first sample.

What the times mean for a clip is decided in `media`. Raises ValueError or libav's errors; `media.read` names the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.reformatter import VideoReformatter

Frames = npt.NDArray[np.uint8]
Audio = npt.NDArray[np.float32]

PADDING_SAMPLES = 4096
"""An encoder pads the last block by less than this; a larger excess over the declared length is no padding."""
GAP_S = 0.05
"""Timestamps in ms and codec blocks of 20 ms jitter by less; a longer jump is a hole in the sound."""
MAX_START_S = 60.0
"""Streams that start further apart than this have broken timestamps."""


@dataclass
class Video:
    """What the video stream decoded to."""

    images: list[Frames] = field(default_factory=list)
    times: list[Fraction] = field(default_factory=list)
    """Presentation times, s."""
    end: Fraction = Fraction(0)
    """When the last frame leaves the screen, s."""
    tick: Fraction = Fraction(0)
    """Resolution of the times, s."""
    declared: tuple[Fraction, ...] = ()
    """Frame rates that the container states."""


@dataclass
class Sound:
    """What the audio stream decoded to."""

    blocks: list[Audio] = field(default_factory=list)
    """(channels, n) each."""
    length: int = 0
    """Samples so far; at the end, without padding."""
    rate: int = 0
    layout: tuple[str, ...] = ()
    """The places of the channels."""
    start: Fraction = Fraction(0)
    """Presentation time of the first sample, s."""
    tick: Fraction = Fraction(0)
    first_packet: int | None = None
    """Timestamp of the first packet, in ticks; below zero when the stream states a codec delay."""
    delay_unknown: bool = False
    """A codec that delays its sound, in a stream that does not say by how much."""
    gaps: int = 0
    """Samples of silence that were put into holes of the stream."""


def check_length(path: Path) -> None:
    """Refuses an mp4 or wav that is shorter than it says: libav reads the rest as if nothing were missing."""
    size = path.stat().st_size
    end = 0
    with path.open("rb") as file:
        head = file.read(16)
        if head[:4] == b"RIFF" and head[4:8] != b"\xff\xff\xff\xff":  # All ones: written to a pipe, length not known.
            end = 8 + int.from_bytes(head[4:8], "little")
        while head[4:8] == b"ftyp" and end + 8 <= size:
            file.seek(end)
            box = file.read(16)
            length = int.from_bytes(box[:4], "big")
            length = int.from_bytes(box[8:16], "big") if length == 1 else length
            end = size if length == 0 else end + max(length, 8)
    if end > size:
        raise ValueError(f"the file ends early, {size} of {end} bytes or more")


def decode(container: InputContainer) -> tuple[Video, Sound]:
    """Decodes the first picture stream and the first sound stream."""
    import av
    from av.video.reformatter import VideoReformatter

    streams = _streams(container)
    video, sound = Video(), Sound()
    reformatter = VideoReformatter()  # One for all frames: each new one costs more than a small frame itself.
    for stream in streams:
        if stream.type == "video":
            rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
            video.declared = tuple(rate for rate in rates if rate)
            video.tick = stream.time_base
    for packet in container.demux(*streams):
        if packet.stream.type == "audio" and sound.first_packet is None:
            sound.first_packet = packet.pts
        for frame in packet.decode():
            if isinstance(frame, av.AudioFrame):
                _append(sound, frame)
            elif isinstance(frame, av.VideoFrame):
                video.images.append(_rgb(frame, reformatter))
                video.times.append(_time(frame))
                video.end = video.times[-1] + frame.duration * video.tick
    if sound.blocks:
        _finish(sound, container.streams.audio[0])
    end = max(video.end, sound.start + Fraction(sound.length, sound.rate or 1))
    declared = Fraction((container.start_time or 0) + (container.duration or 0), av.time_base)
    if declared - end > Fraction(1, 4):
        raise ValueError(f"the file ends early, {float(end):.3f} of {float(declared):.3f} s")
    return video, sound


def _streams(container: InputContainer) -> list[Any]:
    """The streams to decode, set to treat damage as an error; the decoders' default is to paint over it."""
    from av.stream import Disposition

    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    streams: list[Any] = [*pictures[:1], *container.streams.audio[:1]]
    if not streams:
        raise ValueError("no video or audio stream")
    for stream in streams:
        if stream.codec_context is None:
            raise ValueError(f"no decoder for the {stream.type} stream")
        stream.codec_context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
    return streams


def _time(frame: av.VideoFrame | av.AudioFrame) -> Fraction:
    """Presentation time, s."""
    if frame.pts is None or frame.time_base is None:
        raise ValueError("a frame has no timestamp")
    return frame.pts * frame.time_base


def _rgb(frame: av.VideoFrame, reformatter: VideoReformatter) -> Frames:
    """(H, W, 3) RGB, upright. An unstated matrix is taken as BT.601 and an unstated range as limited."""
    if frame.is_corrupt:
        raise ValueError("a frame is damaged")
    image = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    return np.ascontiguousarray(np.rot90(image, frame.rotation // 90), dtype=np.uint8)


def _append(sound: Sound, frame: av.AudioFrame) -> None:
    """Adds one block; a hole in the timestamps becomes silence, so that what follows stays in sync."""
    time = _time(frame)
    if not sound.blocks:
        sound.rate, sound.start = frame.sample_rate, time
        sound.layout = tuple(channel.name for channel in frame.layout.channels)
    if frame.sample_rate != sound.rate:
        raise ValueError(f"the sample rate changes from {sound.rate} to {frame.sample_rate} Hz")
    block = _float_samples(frame)
    hole = round((time - sound.start) * sound.rate) - sound.length
    if hole > GAP_S * sound.rate:
        if hole > MAX_START_S * sound.rate:
            raise ValueError(f"the sound has a hole of {hole / sound.rate:.1f} s")
        sound.blocks.append(np.zeros((len(block), hole), np.float32))
        sound.length += hole
        sound.gaps += hole
    sound.blocks.append(block)
    sound.length += block.shape[1]


def _float_samples(frame: av.AudioFrame) -> Audio:
    """(channels, n) float32; integers divided by their full scale, without any resampler."""
    samples: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return ((samples.astype(np.float32) - 128) / 128).astype(np.float32)
    if np.issubdtype(samples.dtype, np.integer):
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    return samples.astype(np.float32)


def _finish(sound: Sound, stream: Any) -> None:
    """Cuts the padding of a codec's last block, and notes a codec delay that the stream does not state.

    AAC delays the sound by (usually) 1024 samples. A stream that states this starts before zero and the decoder
    drops them; a stream that starts at zero or later keeps them as sound.
    """
    sound.tick = stream.time_base
    sound.delay_unknown = stream.codec_context.name == "aac" and (sound.first_packet or 0) >= 0
    if stream.duration is not None:
        excess = sound.length - sound.gaps - round(stream.duration * stream.time_base * sound.rate)
        if 0 < excess < PADDING_SAMPLES:
            sound.length -= excess
