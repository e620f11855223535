"""Decides whether one person is on screen: the face that is there throughout, and no second one beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jova_bench.data.faces import Seen
from jova_bench.metrics.faces.follow import SAME, follow
from jova_bench.metrics.faces.track import Track, overlaps

THROUGHOUT = 0.9
"""Share of the frames in which the speaker's face must be found."""
BRIEF = 5
"""Frames for which a second face may be seen: a false alarm, or a passer-by."""
SMALLEST = 1 / 8
"""Least longer side of the face, relative to the shorter side of what is kept of the frame."""


@dataclass(frozen=True)
class Speaker:
    """The one person on screen."""

    faces: Sequence[Seen | None]
    """The face in each frame; None where it was not found."""

    @property
    def middle(self) -> tuple[float, float]:
        """Median over frames of the middle of the face, x and y in pixels."""
        boxes = np.array([face.box for face in self.faces if face])
        x, y = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
        return float(x), float(y)

    @property
    def size(self) -> float:
        """Median over frames of the longer side of the face, in pixels."""
        boxes = np.array([face.box for face in self.faces if face])
        return float(np.median(np.max(boxes[:, 2:] - boxes[:, :2], axis=1)))


@dataclass(frozen=True)
class NoSpeaker:
    """Why there is none."""

    code: str
    detail: str


def one_speaker(found: Sequence[Sequence[Seen]]) -> Speaker | NoSpeaker:
    """Finds the speaker.

    Args:
        found: the faces of each frame of one shot.
    """
    count = len(found)
    if not any(found):
        return NoSpeaker("no_face", f"no face in any of {count} frames")
    boxes = [np.array([face.box for face in faces]).reshape(-1, 4) for faces in found]
    tracks = sorted(follow(range(count), boxes), key=lambda track: -len(track.boxes))
    if not tracks:
        return NoSpeaker("face_lost", "a face now and then, none that stays")
    speaker, *others = tracks
    faces = [_of(speaker, frame, seen) for frame, seen in enumerate(found)]
    beside = max((min(track.stop, speaker.stop) - max(track.first, speaker.first) for track in others), default=0)
    if beside > BRIEF:
        return NoSpeaker("two_faces", f"a second face in {beside} of {count} frames")
    if elsewhere := [track for track in others if len(track.boxes) > BRIEF]:
        where = f"in frames {elsewhere[0].first} to {elsewhere[0].stop - 1} the face is elsewhere"
        return NoSpeaker("face_jumps", f"{where}: another person, or a cut that was not found")
    share = sum(face is not None for face in faces) / count
    if share < THROUGHOUT:
        return NoSpeaker("face_lost", f"the face is found in {share:.0%} of {count} frames, {THROUGHOUT:.0%} are asked")
    return Speaker(faces)


def _of(track: Track, frame: int, seen: Sequence[Seen]) -> Seen | None:
    """Returns the face of a frame that belongs to a track; None if the frame has none."""
    if not track.first <= frame < track.stop or not seen:
        return None
    shared = overlaps(track.boxes[frame - track.first][None], np.array([face.box for face in seen]))[0]
    return seen[int(shared.argmax())] if shared.max() >= SAME else None
