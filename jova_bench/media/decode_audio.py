"""Decodes the audio of a media file, with the time of its first sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Audio, Frames
from jova_bench.media.limits import Decoded
from jova_bench.records import Finding

if TYPE_CHECKING:
    import av

Array = TypeVar("Array", Frames, Audio)

PADDING_SAMPLES = 4096
"""Upper bound of an encoder's padding of the last block; a larger excess over the declared length is no padding."""
DELAYS = {"aac": 1024, "mp3": 1105, "mp2": 481}
"""Delay in samples of audio encoded by FFmpeg's and most other encoders, by codec."""
GAP_S = 0.05
"""Timestamps in ms and codec blocks of 20 ms jitter by less; a longer jump is a gap in the audio."""
MAX_START_S = 60.0
"""Streams that start further apart than this have broken timestamps."""


@dataclass
class Sound:
    """Holds the decoded audio stream."""

    channels: list[Audio] = field(default_factory=list)
    """Samples of each channel, (n,), with room for more while decoding."""
    length: int = 0
    """Number of samples so far; at the end without padding."""
    rate: int = 0
    layout: tuple[str, ...] = ()
    """Positions of the channels."""
    start: Fraction = Fraction(0)
    """Presentation time of the first sample in s."""
    tick: Fraction = Fraction(0)
    first_packet: int | None = None
    """Timestamp of the first packet, in ticks; below zero when the stream states a codec delay."""
    unstated_delay: tuple[str, int] | None = None
    """Codec and its usual delay in samples, in a stream that does not state the delay."""
    lead: Fraction | None = None
    """Where a part of a file is decoded: how much later than the first frame the file's sound starts, in s."""
    skips: bool = False
    """Whether the first packet states how many of its samples to skip."""
    gaps: int = 0
    """Samples of silence inserted into gaps of the stream."""
    findings: list[Finding] = field(default_factory=list)


def hear(packet: Any, sound: Sound, size: Decoded, start_s: Fraction | None = None) -> None:
    """Decodes an audio packet; drops blocks that begin before a time, where one is given."""
    if sound.first_packet is None:
        note_first(packet, sound)
    for frame in packet.decode():
        if start_s is None or time_of(frame) >= start_s:
            _add_block(sound, frame, size)


def note_first(packet: Any, sound: Sound) -> None:
    """Notes of a file's first audio packet what tells of a codec delay."""
    sound.first_packet = packet.pts
    sound.skips = packet.has_sidedata("skip_samples")


def _add_block(sound: Sound, frame: av.AudioFrame, size: Decoded) -> None:
    """Appends one block; a gap in the timestamps becomes silence, so that what follows stays in sync."""
    time, block = time_of(frame), _float_samples(frame)
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
    """Converts a block to (channels, n) float32; integers are divided by their full scale, without a resampler."""
    samples: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return ((samples.astype(np.float32) - 128) / 128).astype(np.float32)
    if np.issubdtype(samples.dtype, np.integer):
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    return samples.astype(np.float32)


def finish(sound: Sound, stream: Any) -> None:
    """Cuts the padding of a codec's last block, and records a codec delay that the stream does not state."""
    record_delay(sound, stream)
    if stream.duration is not None:
        excess = sound.length - sound.gaps - round(stream.duration * stream.time_base * sound.rate)
        if 0 < excess < PADDING_SAMPLES:
            sound.length -= excess


def record_delay(sound: Sound, stream: Any) -> None:
    """Records a codec delay that the stream does not state.

    AAC delays the audio by (usually) 1024 samples, MP3 by 1105. A stream that states this starts before zero or tells
    the decoder to skip them; a stream that starts at zero or later keeps them as audio.
    """
    sound.tick = stream.time_base
    codec = stream.codec_context.name.removesuffix("float")
    if codec in DELAYS and (sound.first_packet or 0) >= 0 and not sound.skips:
        sound.unstated_delay = codec.upper(), DELAYS[codec]


def resized(array: Array, count: int) -> Array:
    """Returns the array resized to `count` rows, moved by the system, not copied; it must have no other references."""
    array.resize((count, *array.shape[1:]), refcheck=False)
    return array


def joined(sound: Sound, skip: int) -> Audio:
    """Joins the decoded channels into (channels, N), and frees them.

    Args:
        sound: the decoded stream.
        skip: samples to leave out at the start; below zero, samples of silence to put before it.
    """
    silence, dropped = max(-skip, 0), max(skip, 0)
    audio = np.zeros((len(sound.channels), max(silence + sound.length - dropped, 0)), np.float32)
    for k in range(len(audio)):
        audio[k, silence:] = sound.channels[k][dropped : sound.length]
        sound.channels[k] = audio[k, :0]
    return audio


def time_of(frame: av.VideoFrame | av.AudioFrame, in_order: bool = False) -> Fraction:
    """Returns the presentation time in s, or the decoding time of a frame that is stored `in_order` without one."""
    stamp = frame.dts if frame.pts is None and in_order else frame.pts
    if stamp is None or frame.time_base is None:
        raise ValueError("a frame has no timestamp")
    return stamp * frame.time_base
