"""Defines a decoded clip: frames and audio on one time base."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from jova_bench.errors import Undefined
from jova_bench.media import channels
from jova_bench.records import Finding, Timing

CANCEL = "channels_cancel"
"""Code of the finding that the channels have no mix to mono worth hearing; its detail is the reason."""


@dataclass(frozen=True)
class Clip:
    """Holds decoded media on one time base: frame k is shown at k / fps, sample n is played at n / sample_rate_hz.

    `media.read` has corrected start offsets and codec delay; `findings` lists what it found.
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
