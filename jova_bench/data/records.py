"""What `prepare` states: its settings, what a scan of a video found, and of every clip whether it is kept and why."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, field_validator

from jova_bench.files.record import Record
from jova_bench.records import Id

Pixels = Annotated[int, Field(ge=16, le=8192, multiple_of=2)]
Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels."""


REJECTS = frozenset({
    "undecodable", "too_short", "no_picture", "still_picture", "no_sound", "short_sound", "silent", "channels_cancel",
    "no_face", "face_lost", "two_faces", "face_jumps", "no_speech", "out_of_sync", "weak_sync", "small_face",
    "small_picture",
})  # fmt: skip
"""Codes of reasons for which a clip is rejected; all others are notes."""


class Settings(Record):
    """What decides which clips come out: a folder is continued with the same alone."""

    version: Literal[1] = 1
    """Raised whenever the same video could give other clips."""
    fps: str
    """Frames per second of every clip, `num/den`."""
    lengths: tuple[int, ...]
    """Frames of a clip, longest first, each 1 + 4k."""
    sizes: tuple[tuple[Pixels, Pixels], ...]
    """Height and width of a clip; each takes the one whose shape is nearest to its video's."""
    faces: str
    """Name of what finds faces."""
    sync: str = "none"
    """Name of what judges lips and sound."""
    max_offset: int = 1
    """Frames of 25 a second by which the sound of a kept clip may lead or lag, at most."""
    min_confidence: float = 0.0
    """Least confidence of a kept clip, on the judge's own scale."""

    @property
    def rate(self) -> Fraction:
        """Frames per second."""
        return Fraction(self.fps)

    @field_validator("lengths")
    @classmethod
    def _encodable(cls, lengths: tuple[int, ...]) -> tuple[int, ...]:
        if not lengths or any(n < 5 or n % 4 != 1 for n in lengths):
            raise ValueError("expected lengths of 1 + 4k frames, as video codecs take them: 49, 73, 121")
        return tuple(sorted(set(lengths), reverse=True))


class Reason(Record):
    """Why a clip is rejected, or what was noticed about one that is kept."""

    code: str
    """What is the matter, for programs: `two_faces`."""
    by: str
    """The model or rule that says so, with its version."""
    detail: str
    """What was found, for people."""


class ScannedVideo(Record):
    """One file, decoded once: a line of `videos.jsonl`."""

    source: str
    """Path relative to the folder of videos."""
    size_bytes: int
    sha256: str
    tick: str = "0/1"
    """Unit of the times in s, `num/den`."""
    frames: int = 0
    start: int = 0
    """Time of the first frame, in ticks."""
    shots: tuple[tuple[int, int], ...] = ()
    """Start of each shot's first frame, and end of its last, in ticks."""
    by: str = ""
    """What found the cuts."""
    fault: str | None = None
    """Why the file cannot be used; None where it can."""


class Sync(Record):
    """What a judge says of the lips and the sound."""

    offset_frames: int
    """Frames of 25 a second by which the sound leads the picture; below 0 it lags."""
    confidence: float
    """LSE-C on the judge's own scale."""
    by: str
    """The judge, with its weights and its domain."""


class ClipRecord(Record):
    """One clip, kept or rejected: a line of `manifest.jsonl`."""

    id: Id
    """Stem of its files."""
    source: str
    """Path of its video relative to the folder of videos."""
    start_s: float
    """Seconds from the video's first frame."""
    end_s: float
    status: Literal["kept", "rejected"]
    reasons: tuple[Reason, ...] = ()
    """Why it is rejected; of a kept clip, what was noticed."""
    fps: str = "0/1"
    """Frames per second of the clip, `num/den`."""
    frames: int = 0
    height: int = 0
    """Pixels of the clip."""
    width: int = 0
    crop: Box | None = None
    """Part of the source's frame that the clip shows, in pixels of the source."""
    boxes: str | None = None
    """`tracks/<id>.npz`: `mouth_box` (T, 4), pixels of the clip, NaN where no face is; `confidence` (T,)."""
    sync: Sync | None = None
    """None where nothing could judge."""
    speech: tuple[tuple[float, float], ...] = ()
    """Start and end of each stretch of speech, seconds of the clip."""
    transcript: str = ""
    transcript_by: str = ""
    """What wrote the transcript; empty without one."""
    video_caption: str = ""
    video_caption_by: str = ""
    """What wrote the caption; empty without one."""
    audio_caption: str = ""
    audio_caption_by: str = ""
    """The same of this one."""

    @property
    def rejected_for(self) -> tuple[Reason, ...]:
        """All reasons for which it is rejected, without what was noticed beside them; none of a kept clip."""
        if self.status == "kept":
            return ()
        return tuple(one for place, one in enumerate(self.reasons) if place == 0 or one.code in REJECTS)
