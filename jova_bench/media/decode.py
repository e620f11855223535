"""Decodes a media file: frames with their times, and audio with the time of its first sample.

`media.files` decides what the times mean for a clip. Raises ValueError or libav's errors; `media.read` names the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from jova_bench.arrays import Frames
from jova_bench.media.decode_audio import Sound, finish, hear, note_first, record_delay, resized, time_of
from jova_bench.media.display import UPRIGHT, Matrix, matrix_of, oblique_degrees, size_shown, upright
from jova_bench.media.limits import Decoded
from jova_bench.media.tracks import choose, expect
from jova_bench.records import Finding

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.reformatter import VideoReformatter

LATE_S = Fraction(1, 4)
"""Containers round their length up to a block or a slow frame; a file that ends earlier than this was cut."""
LEAD_S = 1
"""Seconds of sound that are decoded before a span: a codec's first blocks after a jump are not yet whole."""
GUESSED = ("wav", "mp3", "aac", "ac3", "eac3", "amr")
"""Containers without a length: libav derives one from the file's size, or (wav) from a header checked before."""


@dataclass(frozen=True)
class Span:
    """A part of a file, in seconds of its container's clock: from the frame at `start_s` to before `end_s`."""

    start_s: Fraction
    end_s: Fraction


@dataclass
class Video:
    """Holds the decoded video stream."""

    frames: Frames | None = None
    """(T, H, W, 3), with room for more while decoding; None when only audio is decoded."""
    times: list[Fraction] = field(default_factory=list)
    """Presentation times in s, of each frame or of the first alone."""
    end: Fraction = Fraction(0)
    """End of the last frame in s."""
    tick: Fraction = Fraction(0)
    """Resolution of the times in s."""
    declared: tuple[Fraction, ...] = ()
    """Frame rates that the container states."""
    findings: list[Finding] = field(default_factory=list)
    aspect: Fraction | None = None
    """Width of a pixel over its height, as the file states it."""
    stored: tuple[int, int] = (0, 0)
    """Width and height as stored."""
    shown: tuple[int, int] = (0, 0)
    """Width and height with square pixels, before the frame is turned."""
    matrix: Matrix = field(default_factory=UPRIGHT.copy)
    """Display matrix: how the frames are rotated and mirrored."""
    room: int = 0
    """Expected number of frames, as far as the headers say."""
    reformatter: VideoReformatter | None = None
    """Shared by all frames, because creating one costs more than converting a small frame."""


def decode(container: InputContainer, pictures: bool, size: Decoded, span: Span | None = None) -> tuple[Video, Sound]:
    """Decodes one video track and one audio track.

    Args:
        container: an open file.
        pictures: False decodes the first frame alone, which defines when the clip starts.
        size: holds the limit; updated with what was decoded.
        span: the part to decode, of a file with a picture; None for all.
    """
    from av.container import Flags

    if container.format.name == "avi":
        # AVI has no times for showing frames. What libav makes up for them falls into the gaps of lost frames.
        made_up: Any = Flags.gen_pts  # Typed as what it is not.
        container.flags &= ~made_up.value
    tracks, findings = choose(container)
    video = Video(room=0 if span else expect(container, tracks, pictures, size))
    sound = Sound()
    for track, finding in findings:
        (sound if track.type == "audio" else video).findings.append(finding)
    if span:
        _decode_span(container, tracks, span, video, sound, size)
        return video, sound
    end = Fraction(0)
    for packet in container.demux():
        # The container's length is that of its longest track, which need not be one of ours.
        if packet.pts is not None:
            end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        if packet.stream not in tracks:
            continue
        if packet.stream.type == "audio":
            hear(packet, sound, size)
        else:
            _see(packet, video, pictures, size)
    if video.frames is not None:
        video.frames = resized(video.frames, len(video.times))
    if sound.length:
        finish(sound, next(track for track in tracks if track.type == "audio"))
    _check_end(container, max(end, video.end, sound.start + Fraction(sound.length, sound.rate or 1)))
    return video, sound


def _decode_span(
    container: InputContainer, tracks: list[Any], span: Span, video: Video, sound: Sound, size: Decoded
) -> None:
    """Decodes the frames of a span and the sound around them, from the key frame before it."""
    import av

    _see_start(container, tracks, sound)
    container.seek(max(0, int((span.start_s - LEAD_S) * av.time_base)))
    left = {track.type for track in tracks}
    for packet in container.demux(tracks):
        if packet.stream.type not in left:
            continue
        if packet.stream.type == "audio":
            hear(packet, sound, size, span.start_s - LEAD_S)
            over = sound.length and sound.start + Fraction(sound.length, sound.rate) >= span.end_s
        else:
            _see(packet, video, True, size, span)
            over = video.end >= span.end_s
        if over:
            left.discard(packet.stream.type)
        if not left:
            break
    if video.frames is not None:
        video.frames = resized(video.frames, len(video.times))
    for track in tracks:
        if track.type == "audio":
            record_delay(sound, track)


def _see_start(container: InputContainer, tracks: list[Any], sound: Sound) -> None:
    """Reads the first packets of a file, which alone tell of a codec delay, and decodes none."""
    first: dict[str, Any] = {}
    for packet in container.demux(tracks):
        first.setdefault(packet.stream.type, packet)
        if len(first) == len(tracks):
            break
    if "audio" in first:
        note_first(first["audio"], sound)
    starts = {kind: packet.pts * packet.time_base for kind, packet in first.items() if packet.pts is not None}
    if len(starts) == 2:
        sound.lead = starts["audio"] - starts["video"]


def _check_end(container: InputContainer, end: Fraction) -> None:
    """Raises ValueError where the last packet of a track ends before the length that the file states."""
    import av

    family = container.format.name
    if family in GUESSED or container.duration is None:
        return
    # Matroska states its end, others their length.
    start = 0 if "matroska" in family else container.start_time or 0
    declared = Fraction(start + container.duration, av.time_base)
    # FLAC counts its samples; libav rounds their time to its own ticks.
    if declared - end > (Fraction(2, av.time_base) if family == "flac" else LATE_S):
        raise ValueError(f"the file ends early, {float(end):.3f} of {float(declared):.3f} s")


def _see(packet: Any, video: Video, pictures: bool, size: Decoded, span: Span | None = None) -> None:
    """Decodes a video packet: without `pictures` only until the first frame is there, with a span that part."""
    if not video.tick:
        stream = packet.stream
        rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
        video.declared = tuple(rate for rate in rates if rate)
        video.tick, video.aspect = stream.time_base, stream.sample_aspect_ratio
    if not pictures and video.times:
        return
    for frame in packet.decode():
        if not pictures and video.times:
            continue
        time = time_of(frame, in_order=not packet.stream.codec_context.has_b_frames)
        if span and not span.start_s <= time < span.end_s:
            video.end = max(video.end, time)
            continue
        video.times.append(time)
        video.end = time + frame.duration * video.tick
        if pictures:
            _add_image(video, frame, size)


def _add_image(video: Video, frame: av.VideoFrame, size: Decoded) -> None:
    """Appends one frame; the buffer grows by an eighth when the headers promised too few."""
    count = len(video.times)
    if count == 1:
        _show(video, frame)
    if (frame.width, frame.height) != video.stored:
        raise ValueError("the frame size changes within the clip")
    size.width, size.height = video.shown
    size.frames, size.picture_s = count, video.times[-1] - video.times[0]
    size.check()
    image = upright(_rgb(frame, video), video.matrix)
    if video.frames is None:
        room = max(1, min(video.room, size.limit // image.nbytes))
        video.frames = np.empty((room, *image.shape), np.uint8)
    if count > len(video.frames):
        video.frames = resized(video.frames, max(count, min(count + count // 8, size.limit // image.nbytes)))
    video.frames[count - 1] = image


def _show(video: Video, frame: av.VideoFrame) -> None:
    """Decides from the first frame how all frames are displayed, and records findings."""
    width, height = video.stored = frame.width, frame.height
    # Of the first frame alone: H.264 may state it with some frames and mean all. (To ask a frame for what lies beside
    # it keeps it in memory, too, until Python looks for cycles.)
    video.matrix = matrix_of(frame)
    video.shown = size_shown(width, height, video.aspect)
    if video.shown != video.stored:
        now = f"{video.shown[0]} x {video.shown[1]}"
        detail = f"pixels {float(video.aspect or 1):.3f} times as wide as high: {width} x {height} shown as {now}"
        video.findings.append(Finding(code="pixel_aspect", detail=detail))
    missed = oblique_degrees(video.matrix)
    if missed:
        detail = f"to be turned by {missed:.1f} degrees more than a quarter turn: shown without them"
        video.findings.append(Finding(code="oblique", detail=detail))


def _rgb(frame: av.VideoFrame, video: Video) -> Frames:
    """Converts a frame to (H, W, 3) RGB with square pixels; an unstated matrix counts as BT.601, a range as limited."""
    from av.video.reformatter import Interpolation, VideoReformatter

    if frame.is_corrupt:
        raise ValueError("a frame is damaged")
    video.reformatter = video.reformatter or VideoReformatter()
    width, height = video.shown
    # As ffmpeg scales, and rounded: libswscale's own default is up to two levels too dark where it scales.
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    how = None if video.shown == video.stored else exact
    image: Any = video.reformatter.reformat(frame, width, height, "rgb24", interpolation=how, threads=1).to_ndarray()
    return image
