"""Defines a decoded clip: frames and audio on one time base."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Audio, Frames
from jova_bench.errors import Undefined
from jova_bench.media import channels
from jova_bench.media.streams import check_streams
from jova_bench.records import Finding, Timing

CANCEL = "channels_cancel"
"""Code of the finding that the channels have no mix to mono worth hearing; its detail is the reason."""
UNKNOWN = "layout_unknown"
"""Code of the finding that the positions of several channels are unknown."""
OF_CHANNELS = (CANCEL, f"{CANCEL}_in_part", UNKNOWN)
"""Codes of what `channel_findings` finds."""
GONE_WHOLLY, GONE_PARTLY = 0.25, 0.05
"""Shares of the channels' power that cancel: above the first, the mono mix does not represent the audio."""
LEVEL_PARTLY = 0.5
"""Level of the mix relative to that of uncorrelated channels below which it is suspicious: -3 dB."""


@dataclass(frozen=True)
class _Streams:
    """The content of a clip."""

    frames: Frames | None
    fps: Fraction
    audio: Audio | None
    sample_rate_hz: int
    layout: channels.Layout

    def are(self, other: _Streams) -> bool:
        """Returns whether the arrays are the same ones, at the same rates and positions."""
        return (
            self.frames is other.frames
            and self.audio is other.audio
            and (self.fps, self.sample_rate_hz, self.layout) == (other.fps, other.sample_rate_hz, other.layout)
        )

    def digest(self) -> str:
        """Returns the sha256 (hex) of the decoded content."""
        digest = hashlib.sha256()
        if self.frames is not None:
            digest.update(f"video {self.frames.shape} {Fraction(self.fps)}".encode())
            digest.update(np.ascontiguousarray(self.frames).data)
        if self.audio is not None:
            digest.update(f"audio {self.audio.shape} {self.sample_rate_hz}".encode())
            digest.update(np.ascontiguousarray(self.audio).data)
            if channels.known(self.layout) and not channels.ordinary(self.layout, len(self.audio)):
                digest.update(f"layout {' '.join(self.layout)}".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Clip:
    """Holds decoded media on one time base: frame k is shown at k / fps, sample n is played at n / sample_rate_hz.

    `media.read` has corrected start offsets and codec delay; `findings` lists what it found. To change a stream use
    `dataclasses.replace`, never its array: the digest and what was found of the channels are then made again.
    """

    frames: npt.NDArray[np.uint8] | None
    """(T, H, W, 3) RGB, or None when there is no video stream."""
    fps: Fraction
    """Frames per second; 0 when there is no video."""
    audio: npt.NDArray[np.float32] | None
    """(channels, N), nominal range [-1, 1], or None when there is no audio stream."""
    sample_rate_hz: int
    """Sampling rate in Hz; 0 when there is no audio."""
    digest: str
    """sha256 (hex) of the decoded content: frames, fps, audio and rate. The key of every feature cache."""
    findings: tuple[Finding, ...] = ()
    timing: Timing = "free"
    in_domain: bool = False
    """Whether the clip belongs to a prompt of a suite whose domain is the embedded evaluators' (drawn faces)."""
    layout: channels.Layout = ()
    """Positions of the channels, as libav names them; empty where unknown."""
    _described: _Streams | None = field(default=None, repr=False, compare=False)
    """The streams that `digest` and `findings` are of, which `dataclasses.replace` hands on with them."""

    def __post_init__(self) -> None:
        """Makes the digest and the findings on channels again, where they were handed on by a clip of other streams.

        Raises BenchError where the new streams are not what the fields say.
        """
        streams = _Streams(self.frames, self.fps, self.audio, self.sample_rate_hz, self.layout)
        if self._described is not None and not streams.are(self._described):
            check_streams(self.frames, self.fps, self.audio, self.sample_rate_hz, self.layout)
            kept = tuple(one for one in self.findings if one.code not in OF_CHANNELS)
            found = channel_findings(self.audio, self.layout, self.sample_rate_hz)
            object.__setattr__(self, "findings", (*kept, *found))
            object.__setattr__(self, "digest", streams.digest())
        object.__setattr__(self, "_described", streams)

    def mono(self) -> npt.NDArray[np.float32]:
        """Returns the (N,) mix of the channels by position, as by ffmpeg's `-ac 1`: the mean for mono and stereo.

        Raises Undefined without audio, and where the channels cancel.
        """
        if self.audio is None:
            raise Undefined("no audio stream")
        for finding in self.findings:
            if finding.code == CANCEL:
                raise Undefined(finding.detail)
        return channels.mix(self.audio, self.layout)

    @property
    def seconds(self) -> float:
        """Returns the length of the longer stream in seconds."""
        video = 0.0 if self.frames is None else float(len(self.frames) / self.fps)
        audio = 0.0 if self.audio is None else self.audio.shape[1] / self.sample_rate_hz
        return max(video, audio)


def content_digest(
    frames: Frames | None, fps: Fraction, audio: Audio | None, sample_rate_hz: int, layout: channels.Layout
) -> str:
    """Returns the sha256 (hex) of the decoded content, see the fields of `Clip`."""
    return _Streams(frames, fps, audio, sample_rate_hz, layout).digest()


def channel_findings(audio: Audio | None, layout: channels.Layout, rate_hz: int) -> list[Finding]:
    """Reports where the mono mix, which most metrics use, is not what a listener hears."""
    if audio is None or len(audio) == 1:
        return []
    found = []
    if len(audio) > 2 and not channels.known(layout):
        detail = f"{len(audio)} channels whose places are unknown: mixed to mono alike, none left out"
        found.append(Finding(code=UNKNOWN, detail=detail))
    gone, level = channels.cancelled(audio, layout, rate_hz)
    if gone > GONE_PARTLY or level < LEVEL_PARTLY:
        wholly = gone > GONE_WHOLLY
        detail = (
            f"the channels cancel{'' if wholly else ' in part'}: {gone:.0%} of their sound is gone from the mix to mono"
        )
        detail += f", {10 * np.log10(max(level, 1e-12)):+.0f} dB against the sum of their powers"
        found.append(Finding(code=CANCEL if wholly else f"{CANCEL}_in_part", detail=detail))
    return found
