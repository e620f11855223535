"""Takes a media file apart: decoded frames with their times, and decoded sound with the time of its first sample.

What the times mean for a clip is decided in `media`. Raises ValueError or libav's errors; `media.read` names the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from jova_bench.limits import Decoded

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.reformatter import VideoReformatter

Frames = npt.NDArray[np.uint8]
Audio = npt.NDArray[np.float32]
Array = TypeVar("Array", Frames, Audio)

PADDING_SAMPLES = 4096
"""An encoder pads the last block by less than this; a larger excess over the declared length is no padding."""
GAP_S = 0.05
"""Timestamps in ms and codec blocks of 20 ms jitter by less; a longer jump is a hole in the sound."""
MAX_START_S = 60.0
"""Streams that start further apart than this have broken timestamps."""


@dataclass
class Video:
    """What the video stream decoded to."""

    frames: Frames | None = None
    """(T, H, W, 3), and room for more while decoding; None when no picture was asked for."""
    times: list[Fraction] = field(default_factory=list)
    """Presentation times, s: of each frame, or of the first alone."""
    end: Fraction = Fraction(0)
    """When the last frame leaves the screen, s."""
    tick: Fraction = Fraction(0)
    """Resolution of the times, s."""
    declared: tuple[Fraction, ...] = ()
    """Frame rates that the container states."""
    room: int = 0
    """How many frames there will be, as far as the headers say."""
    reformatter: VideoReformatter | None = None
    """One for all frames: each new one costs more than a small frame itself."""


@dataclass
class Sound:
    """What the audio stream decoded to."""

    channels: list[Audio] = field(default_factory=list)
    """(n,) each, and room for more while decoding."""
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


def decode(container: InputContainer, pictures: bool, size: Decoded) -> tuple[Video, Sound]:
    """Decodes the first picture stream and the first sound stream.

    Args:
        container: an open file.
        pictures: False decodes of the picture no more than its first frame, which says when the clip starts.
        size: the limit; filled with what was decoded.
    """
    import av

    streams = _streams(container)
    video, sound = Video(room=_expect(container, streams, pictures, size)), Sound()
    for packet in container.demux(*streams):
        if packet.stream.type == "audio":
            _hear(packet, sound, size)
        else:
            _see(packet, video, pictures, size)
    if video.frames is not None:
        video.frames = resized(video.frames, len(video.times))
    if sound.length:
        _finish(sound, container.streams.audio[0])
    end = max(video.end, sound.start + Fraction(sound.length, sound.rate or 1))
    declared = Fraction((container.start_time or 0) + (container.duration or 0), av.time_base)
    if declared - end > Fraction(1, 4):
        raise ValueError(f"the file ends early, {float(end):.3f} of {float(declared):.3f} s")
    return video, sound


def resized(array: Array, count: int) -> Array:
    """The same array with `count` rows, moved by the system and not copied; for an array that nobody else holds."""
    array.resize((count, *array.shape[1:]), refcheck=False)
    return array


def joined(sound: Sound, skip: int) -> Audio:
    """Makes (channels, N) of the decoded sound and leaves nothing of it behind.

    Args:
        sound: what was decoded.
        skip: samples to leave out at the start; below zero, samples of silence to put before it.
    """
    silence, dropped = max(-skip, 0), max(skip, 0)
    audio = np.zeros((len(sound.channels), max(silence + sound.length - dropped, 0)), np.float32)
    for k in range(len(audio)):
        audio[k, silence:] = sound.channels[k][dropped : sound.length]
        sound.channels[k] = audio[k, :0]
    return audio


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


def _expect(container: InputContainer, streams: list[Any], pictures: bool, size: Decoded) -> int:
    """Refuses by its headers what takes too much, before anything is decoded.

    Returns:
        How many frames there will be, as far as the headers say.
    """
    says = Decoded(size.limit)
    for stream in streams:
        seconds = _stated_s(container, stream)
        if stream.type == "audio":
            says.channels, says.rate_hz = stream.codec_context.channels, stream.codec_context.sample_rate
            says.samples = int(seconds * says.rate_hz)
            if stream.codec_context.name.startswith("pcm"):
                # A sample takes a byte at least. Who writes to a pipe cannot know the length and states a huge one.
                says.samples = min(says.samples, container.size)
        elif pictures:
            says.width, says.height = stream.codec_context.width, stream.codec_context.height
            says.frames = stream.frames or int(seconds * (stream.average_rate or 0))
            says.picture_s = seconds
    says.check()
    return says.frames


def _stated_s(container: InputContainer, stream: Any) -> Fraction:
    """Length that the headers state for a stream, s; 0 without one. The container's is that of its longest stream."""
    import av

    if stream.duration is not None:
        return Fraction(max(stream.duration, 0) * stream.time_base)
    alone = len(container.streams) == 1
    return Fraction(max(container.duration or 0, 0), av.time_base) if alone else Fraction(0)


def _time(frame: av.VideoFrame | av.AudioFrame) -> Fraction:
    """Presentation time, s."""
    if frame.pts is None or frame.time_base is None:
        raise ValueError("a frame has no timestamp")
    return frame.pts * frame.time_base


def _see(packet: Any, video: Video, pictures: bool, size: Decoded) -> None:
    """Decodes a packet of the picture; without `pictures` only until the first frame is there."""
    if not video.tick:
        stream = packet.stream
        rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
        video.declared = tuple(rate for rate in rates if rate)
        video.tick = stream.time_base
    if not pictures and video.times:
        if packet.pts is not None:
            video.end = max(video.end, (packet.pts + (packet.duration or 0)) * video.tick)
        return
    for frame in packet.decode():
        if pictures or not video.times:
            video.times.append(_time(frame))
            video.end = video.times[-1] + frame.duration * video.tick
        if pictures:
            _add_image(video, frame, size)


def _add_image(video: Video, frame: av.VideoFrame, size: Decoded) -> None:
    """Writes one frame behind the others; the room grows by an eighth when the headers promised too few."""
    count, image = len(video.times), _rgb(frame, video)
    size.height, size.width = image.shape[:2]
    size.frames, size.picture_s = count, video.times[-1] - video.times[0]
    size.check()
    if video.frames is None:
        room = max(1, min(video.room, size.limit // image.nbytes))
        video.frames = np.empty((room, *image.shape), np.uint8)
    if image.shape != video.frames.shape[1:]:
        raise ValueError("the frame size changes within the clip")
    if count > len(video.frames):
        video.frames = resized(video.frames, count + count // 8)
    video.frames[count - 1] = image


def _rgb(frame: av.VideoFrame, video: Video) -> Frames:
    """(H, W, 3) RGB, upright. An unstated matrix is taken as BT.601 and an unstated range as limited."""
    from av.video.reformatter import VideoReformatter

    if frame.is_corrupt:
        raise ValueError("a frame is damaged")
    video.reformatter = video.reformatter or VideoReformatter()
    image = video.reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    return np.rot90(image, frame.rotation // 90).astype(np.uint8, copy=False)


def _hear(packet: Any, sound: Sound, size: Decoded) -> None:
    """Decodes a packet of the sound."""
    if sound.first_packet is None:
        sound.first_packet = packet.pts
    for frame in packet.decode():
        _add_block(sound, frame, size)


def _add_block(sound: Sound, frame: av.AudioFrame, size: Decoded) -> None:
    """Adds one block; a hole in the timestamps becomes silence, so that what follows stays in sync."""
    time, block = _time(frame), _float_samples(frame)
    if not sound.channels:
        sound.rate, sound.start = frame.sample_rate, time
        sound.layout = tuple(channel.name for channel in frame.layout.channels)
        sound.channels = [np.empty(len(row), np.float32) for row in block]
    if frame.sample_rate != sound.rate:
        raise ValueError(f"the sample rate changes from {sound.rate} to {frame.sample_rate} Hz")
    if len(block) != len(sound.channels):
        raise ValueError(f"the number of channels changes from {len(sound.channels)} to {len(block)}")
    hole = round((time - sound.start) * sound.rate) - sound.length
    if hole <= GAP_S * sound.rate:
        hole = 0
    elif hole > MAX_START_S * sound.rate:
        raise ValueError(f"the sound has a hole of {hole / sound.rate:.1f} s")
    sound.gaps += hole
    begin, sound.length = sound.length + hole, sound.length + hole + block.shape[1]
    size.channels, size.rate_hz, size.samples = len(block), sound.rate, sound.length
    size.check()
    for k, row in enumerate(block):
        if sound.length > len(sound.channels[k]):
            sound.channels[k] = resized(sound.channels[k], sound.length + sound.length // 8)
        sound.channels[k][begin - hole : begin] = 0
        sound.channels[k][begin : sound.length] = row


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
