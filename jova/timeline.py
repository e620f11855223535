"""Timeline: how seconds, frames, samples, video latents and audio tokens of a clip correspond.

Both codecs are causal and encode 1 + 4k frames. The first token of each stream covers frame 0 alone; after it,

    frames         0 |  1   2   3   4 |  5   6   7   8 | ...
    audio tokens   0 |    1   |   2   |    3   |   4   | ...      token j covers frames 2j-1 .. 2j
    video latents  0 |        1       |        2       | ...      latent i covers frames 4i-3 .. 4i

so latent i covers exactly what audio tokens 2i-1 and 2i cover. Audio token 0 would begin one frame before
the clip does: its first half is padding.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeline:
    """Length of every stream of a clip of `frames` frames, and the times of their tokens."""

    frames: int = 73
    """Video frames, 1 + a multiple of `frames_per_latent`."""
    fps: int = 25
    """Frames per second."""
    sample_rate_hz: int = 16_000
    """Audio samples per second, a multiple of `fps`."""
    frames_per_latent: int = 4
    """Temporal stride of the video codec, in frames."""
    frames_per_audio_token: int = 2
    """Temporal stride of the audio codec, in frames; divides `frames_per_latent`."""

    def __post_init__(self) -> None:
        if self.frames < 1 or (self.frames - 1) % self.frames_per_latent:
            raise ValueError(
                f"expected 1 + {self.frames_per_latent}k frames, got {self.frames}; "
                f"use {self.nearest_length(self.frames, self.frames_per_latent)}"
            )
        if self.sample_rate_hz % self.fps:
            raise ValueError(f"expected a whole number of samples per frame, got {self.sample_rate_hz} / {self.fps}")
        if self.frames_per_latent % self.frames_per_audio_token:
            raise ValueError(
                f"expected frames_per_audio_token to divide frames_per_latent = {self.frames_per_latent}, "
                f"got {self.frames_per_audio_token}"
            )

    @staticmethod
    def nearest_length(frames: int, frames_per_latent: int = 4) -> int:
        """Returns the longest valid number of frames that is not above `frames` (at least 1)."""
        return 1 + max(0, frames - 1) // frames_per_latent * frames_per_latent

    @property
    def seconds(self) -> float:
        """Length of the clip, in seconds."""
        return self.frames / self.fps

    @property
    def samples_per_frame(self) -> int:
        """Number of audio samples per video frame."""
        return self.sample_rate_hz // self.fps

    @property
    def samples(self) -> int:
        """Number of audio samples of the clip."""
        return self.frames * self.samples_per_frame

    @property
    def latent_frames(self) -> int:
        """F, number of video latents along time."""
        return 1 + (self.frames - 1) // self.frames_per_latent

    @property
    def audio_tokens(self) -> int:
        """A, number of audio tokens of the clip."""
        return 1 + (self.frames - 1) // self.frames_per_audio_token

    @property
    def audio_tokens_per_s(self) -> float:
        """Audio tokens per second: one token is the unit of aligned positions."""
        return self.fps / self.frames_per_audio_token

    @property
    def latent_times_s(self) -> tuple[float, ...]:
        """Centre of the frames that each video latent covers, in seconds."""
        return self._centres_s(self.frames_per_latent)

    @property
    def audio_times_s(self) -> tuple[float, ...]:
        """Centre of the frames that each audio token covers (without padding), in seconds."""
        return self._centres_s(self.frames_per_audio_token)

    def latent_span(self, latent: int) -> range:
        """Returns the frames that a video latent covers."""
        return self._span(latent, self.frames_per_latent)

    def audio_span(self, token: int) -> range:
        """Returns the frames whose sound an audio token covers."""
        return self._span(token, self.frames_per_audio_token)

    def _span(self, index: int, stride: int) -> range:
        """Returns frames 1 + (i-1)s .. i s of a causal stream with stride s, cut at the start of the clip."""
        return range(max(0, 1 + (index - 1) * stride), index * stride + 1)

    def _centres_s(self, stride: int) -> tuple[float, ...]:
        count = 1 + (self.frames - 1) // stride
        spans = [self._span(index, stride) for index in range(count)]
        return tuple((span.start + span.stop) / 2 / self.fps for span in spans)
