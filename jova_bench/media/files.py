"""Reads and writes clips: files to and from frames and samples on one time base (`jova_bench.media.time_base`)."""

from __future__ import annotations

import hashlib
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from jova_bench.arrays import Audio, Frames
from jova_bench.errors import BenchError
from jova_bench.files.paths import shown_path
from jova_bench.files.writing import replacing
from jova_bench.media import channels
from jova_bench.media.clip import Clip, channel_findings, content_digest
from jova_bench.media.decode import Span, decode
from jova_bench.media.decode_audio import Sound
from jova_bench.media.encode import TRANSPARENT, PictureCodec, encode
from jova_bench.media.lengths import check_length
from jova_bench.media.limits import Decoded, max_clip_bytes
from jova_bench.media.streams import check_streams, form_of
from jova_bench.media.time_base import aligned, length_mismatch, resampled
from jova_bench.records import Finding


def clip_from_arrays(
    frames: Frames | None,
    fps: Fraction,
    audio: Audio | None,
    sample_rate_hz: int,
    layout: channels.Layout = (),
    findings: tuple[Finding, ...] = (),
    digest: str | None = None,
    **kw: Any,
) -> Clip:
    """Makes a Clip, computes its digest, and checks whether its channels cancel.

    Args:
        frames: (T, H, W, 3) uint8 RGB, or None.
        fps: frames per second; ignored without frames.
        audio: (channels, N) float32, or None.
        sample_rate_hz: ignored without audio.
        layout: position of each channel by libav's names, or ().
        findings: findings so far.
        digest: digest of the content, where known: computing it takes about as long as decoding the frames.
        **kw: `timing`, `in_domain`.
    """
    if frames is None and audio is None:
        raise BenchError("expected frames or audio, got neither; a clip needs at least one stream")
    check_streams(frames, fps, audio, sample_rate_hz, layout)
    if frames is None:
        fps = Fraction(0)
    if audio is None:
        sample_rate_hz, layout = 0, ()
    else:
        if 0 in audio.shape:
            got = f"{form_of(audio)} at {sample_rate_hz} Hz, which is empty"
            raise BenchError(f"expected (channels, N) float32 at a whole rate > 0, got {got}")
        sample_rate_hz = int(sample_rate_hz)
        findings += tuple(channel_findings(audio, layout, sample_rate_hz))
    fps, digest = Fraction(fps), digest or content_digest(frames, fps, audio, sample_rate_hz, layout)
    return Clip(frames, fps, audio, sample_rate_hz, digest, findings, layout=layout, **kw)


def read(
    path: str | os.PathLike[str], *, pictures: bool = True, digest: str | None = None, span: Span | None = None
) -> Clip:
    """Decodes a file (mp4, mov, mkv, webm, wav, flac) to a Clip that starts with its first frame.

    Args:
        path: the file.
        pictures: False for the audio alone, at the same times and equal to the bit. Such a clip has no
            frames, no finding on video, no audio either if the file has none, and a digest of its own.
        digest: digest of the whole clip, where the file is known to have it; nothing is hashed then.
        span: part of a file with a picture; None for all. The clip starts with the span's first frame.

    Raises:
        BenchError: `cannot decode PATH: ...` for anything missing, truncated or damaged, and for what takes more
            memory than `limits.max_clip_bytes()`.
    """
    import av

    path = Path(path)
    size = Decoded(max_clip_bytes())
    try:
        short = check_length(path)
        with av.open(str(path)) as container:
            family = container.format.name
            video, sound = decode(container, pictures, size, span)
        sound.findings += short
        audio, sound_findings = aligned(sound, video.times[0] if video.times else None, video.tick, family)
        if not pictures:
            return _sound_alone(audio, sound, tuple(sound_findings), digest)
        frames, fps, findings = resampled(video, size)
        if span and frames is not None and audio is not None:  # Sound around it was decoded, too.
            sound_findings = [one for one in sound_findings if one.code != "start_offset"]
            audio = np.ascontiguousarray(audio.T[: round(len(frames) / fps * sound.rate)].T)
        findings += sound_findings
        if frames is not None and audio is not None:
            findings += length_mismatch(len(frames) / fps, Fraction(audio.shape[1], sound.rate), fps)
        return clip_from_arrays(frames, fps, audio, sound.rate, sound.layout, tuple(findings), digest)
    except MemoryError as error:
        raise BenchError(
            f"cannot decode {shown_path(path)}: expected memory for {size.bytes / 1e9:.1f} GB, got none"
        ) from error
    except (av.error.FFmpegError, OSError, ValueError, BenchError) as error:
        raise BenchError(f"cannot decode {shown_path(path)}: {_why(error)}") from error


def _sound_alone(audio: Audio | None, sound: Sound, findings: tuple[Finding, ...], digest: str | None) -> Clip:
    """Returns the clip without video; without audio it is empty."""
    if audio is None:
        return Clip(None, Fraction(0), None, 0, digest or hashlib.sha256().hexdigest(), findings)
    return clip_from_arrays(None, Fraction(0), audio, sound.rate, sound.layout, findings, digest)


def write(
    path: str | os.PathLike[str],
    frames: Frames | None,
    fps: Fraction,
    audio: Audio | None,
    sample_rate_hz: int,
    layout: channels.Layout = (),
    codec: PictureCodec = TRANSPARENT,
) -> None:
    """Writes H.264 + FLAC as mp4, or audio alone as wav or flac (by suffix). Same input, same bytes.

    Audio is stored as 16 bits: values on that grid are kept exactly, values beyond full scale are clipped.
    Channels whose positions FLAC in mp4 cannot state are stored as PCM.
    No B-frames, so decoding and presentation order agree and no edit list is needed for sync.

    Args:
        path: `.mp4`; without frames `.wav` or `.flac`. Appears complete or not at all.
        frames: (T, H, W, 3) uint8 RGB with even H and W (4:2:0 has no odd sizes), or None.
        fps: frames per second.
        audio: (channels, N) float32 in [-1, 1], or None.
        sample_rate_hz: rate of `audio`.
        layout: position of each channel by libav's names, or ().
        codec: how frames are encoded; `LOSSLESS` takes odd sizes, too.
    """
    import av

    path = Path(path)
    clip = clip_from_arrays(frames, fps, audio, sample_rate_hz, layout)
    suffixes = (".wav", ".flac") if clip.frames is None else (".mp4",)
    if path.suffix not in suffixes:
        raise BenchError(f"expected a name that ends in {' or '.join(suffixes)}, got {shown_path(path)}; rename it")
    if clip.audio is not None and len(clip.audio) > clip.audio.shape[1]:
        raise BenchError(
            f"expected (channels, N), got {clip.audio.shape}: more channels than samples; transpose it (`audio.T`)"
        )
    halved = codec.pixels == "yuv420p"  # 4:2:0
    if halved and clip.frames is not None and (clip.frames.shape[1] % 2 or clip.frames.shape[2] % 2):
        height, width = clip.frames.shape[1:3]
        raise BenchError(
            f"expected even height and width for {shown_path(path)}, got {height} x {width}; crop or pad the frames"
        )
    try:
        with (
            replacing(path) as file,
            av.open(file, "w", format=path.suffix[1:], options={"fflags": "+bitexact"}) as container,
        ):
            encode(container, clip, codec)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise BenchError(f"cannot write {shown_path(path)}: {_why(error)}") from error


def _why(error: Exception) -> str:
    """Returns what an error says, without the number and the path that those of the system and of FFmpeg have."""
    return getattr(error, "strerror", None) or str(error)
