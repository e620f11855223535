"""Timeline: how seconds, frames, samples, video latents and audio tokens of a clip correspond.

A codec divides time into tokens, and a `Stream` says how. Causal codecs encode 1 + k s units: token 0 covers unit 0
alone, token i units (i-1)s + 1 .. i s; others cover s units with every token. Units are frames of the picture, and of
the sound whatever its codec counts: frames, spectra or blocks of samples. The shipped codecs, at 25 frames/s:

    frames         0 |  1   2   3   4 |  5   6   7   8 | ...
    audio tokens   0 |    1   |   2   |    3   |   4   | ...      token j covers frames 2j-1 .. 2j
    video latents  0 |        1       |        2       | ...      latent i covers frames 4i-3 .. 4i

so latent i covers exactly what audio tokens 2i-1 and 2i cover. Rates are fractions, so that 30000/1001 frames/s and
31.25 tokens/s share one clock without drift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Stream:
    """Tokens of a codec along time."""

    units_per_s: Fraction
    """Frames, spectra or blocks of samples a second."""
    units_per_token: int
    """Temporal stride of the codec."""
    causal: bool = True
    """Whether token 0 covers one unit alone; else it covers as many as all others."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "units_per_s", Fraction(self.units_per_s))  # JSON has strings
        if self.units_per_s <= 0 or self.units_per_token < 1:
            raise ValueError(
                f"expected a rate above 0 and 1 unit or more per token, got {self.units_per_s} and "
                f"{self.units_per_token}"
            )

    @property
    def tokens_per_s(self) -> Fraction:
        """Tokens per second."""
        return self.units_per_s / self.units_per_token

    def tokens(self, units: int) -> int:
        """Returns the smallest number of tokens that cover a number of units."""
        return self.causal + -(-(units - self.causal) // self.units_per_token)

    def tokens_in(self, seconds: Fraction) -> int:
        """Returns the smallest number of tokens that cover a length in seconds."""
        return self.tokens(math.ceil(seconds * self.units_per_s))

    def units(self, tokens: int) -> int:
        """Returns the number of units that a number of tokens covers."""
        return tokens * self.units_per_token - self.causal * (self.units_per_token - 1)

    def span(self, token: int) -> range:
        """Returns the units that a token covers."""
        return range(self.units(token) if token else 0, self.units(token + 1))

    def span_s(self, token: int) -> tuple[Fraction, Fraction]:
        """Returns when a token begins and ends, in seconds."""
        span = self.span(token)
        return span.start / self.units_per_s, span.stop / self.units_per_s

    def centre_s(self, token: int) -> Fraction:
        """Returns the centre of what a token covers, in seconds."""
        return sum(self.span_s(token), Fraction()) / 2


@dataclass(frozen=True)
class Timeline:
    """Length of every stream of a clip of `frames` frames, and how its codecs divide it."""

    frames: int = 73
    """Video frames, 1 + a multiple of `frames_per_latent`."""
    fps: Fraction = Fraction(25)
    """Frames per second."""
    sample_rate_hz: int = 16_000
    """Audio samples per second."""
    frames_per_latent: int = 4
    """Temporal stride of the video codec, in frames."""
    audio: Stream = Stream(Fraction(25), 2)
    """Tokens of the audio codec."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fps", Fraction(self.fps))
        if self.frames < 1 or (self.frames - 1) % self.frames_per_latent:
            raise ValueError(
                f"expected 1 + {self.frames_per_latent}k frames, got {self.frames}; "
                f"use {self.nearest_length(self.frames, self.frames_per_latent)}"
            )

    @classmethod
    def from_fields(cls, **fields: object) -> Timeline:
        """Builds a timeline from fields read from JSON.

        Those of older files count audio tokens in frames: `frames_per_audio_token` in place of `audio`.
        """
        if "frames_per_audio_token" in fields:
            fields["audio"] = {"units_per_s": fields["fps"], "units_per_token": fields.pop("frames_per_audio_token")}
        return cls(**fields | {"audio": Stream(**fields["audio"])})  # type: ignore[arg-type]

    @staticmethod
    def nearest_length(frames: int, frames_per_latent: int = 4) -> int:
        """Returns the longest valid number of frames that is not above `frames` (at least 1)."""
        return 1 + max(0, frames - 1) // frames_per_latent * frames_per_latent

    @property
    def video(self) -> Stream:
        """Latents of the video codec, whose units are frames."""
        return Stream(self.fps, self.frames_per_latent)

    @property
    def exact_seconds(self) -> Fraction:
        """Length of the clip, in seconds."""
        return self.frames / self.fps

    @property
    def seconds(self) -> float:
        """Length of the clip, in seconds."""
        return float(self.exact_seconds)

    @property
    def samples(self) -> int:
        """Number of audio samples of the clip, the nearest to its length."""
        return round(self.exact_seconds * self.sample_rate_hz)

    @property
    def latent_frames(self) -> int:
        """F, number of video latents along time."""
        return self.video.tokens(self.frames)

    @property
    def audio_tokens(self) -> int:
        """A, number of audio tokens of the clip: the smallest that covers it."""
        return self.audio.tokens_in(self.exact_seconds)
