"""Tracks faces from one searched frame to the next: matches their boxes, and interpolates between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from jova_bench.metrics.faces.track import Boxes, Track, overlaps

SAME = 0.5
"""Intersection over union from which two boxes are one face's."""
MAX_GAP = 25
"""Frames (1 s) for which a face may be out of sight."""
SEEN = 0.5
"""Share of looks in which a face must be found, from its first to its last: what is found less often is none."""


@dataclass
class _Face:
    """A face that is being followed."""

    frames: list[int] = field(default_factory=list)
    boxes: list[Boxes] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)
    """Running numbers of the looks that found it."""

    def add(self, frame: int, look: int, box: Boxes) -> None:
        self.frames.append(frame)
        self.looks.append(look)
        self.boxes.append(box[:4])

    @property
    def real(self) -> bool:
        return len(self.looks) >= SEEN * (self.looks[-1] - self.looks[0] + 1)

    def track(self) -> Track:
        return filled(self.frames, np.array(self.boxes))


def follow(looks: Sequence[int], found: Sequence[Boxes]) -> list[Track]:
    """Returns the faces of one shot.

    In each look the pair of a followed face and a new box that overlap most is matched first, then the next, down to
    an overlap of one half; a box without a face starts one. A face that was not found for a second is gone.

    Args:
        looks: indices of the frames that were searched, increasing.
        found: the (n, 4 or more) boxes of each.

    Returns:
        Tracks from the first to the last look that found a face, by their first frame, then the larger first.
    """
    faces: list[_Face] = []
    for number, (frame, boxes) in enumerate(zip(looks, found, strict=True)):
        open_faces = [face for face in faces if frame - face.frames[-1] <= MAX_GAP]
        free = set(range(len(boxes)))
        for face, box in _matches(open_faces, boxes):
            open_faces[face].add(frame, number, boxes[box])
            free.remove(box)
        for box in sorted(free):
            faces.append(_Face())
            faces[-1].add(frame, number, boxes[box])
    tracks = [face.track() for face in faces if face.real]
    return sorted(tracks, key=lambda track: (track.first, -track.size))


def filled(frames: Sequence[int], boxes: Boxes) -> Track:
    """Interpolates the boxes between searched frames by a smooth curve (PCHIP, Fritsch and Carlson 1980).

    A head moves smoothly: straight lines cut its corners, and lips seen through a wrong window cost confidence
    (`results/benchmarks/faces.md`). Between two looks no side leaves the range of the two, so nothing overshoots.

    Args:
        frames: (m,) increasing indices.
        boxes: (m, 4), the boxes found there.
    """
    from scipy.interpolate import PchipInterpolator

    if len(frames) == 1:
        return Track(frames[0], boxes)
    return Track(frames[0], PchipInterpolator(frames, boxes)(np.arange(frames[0], frames[-1] + 1)))


def _matches(faces: Sequence[_Face], boxes: Boxes) -> list[tuple[int, int]]:
    """Returns (index of face, index of box) of pairs, the closest first; none is used twice."""
    if not faces or not len(boxes):
        return []
    shared = overlaps(np.array([face.boxes[-1] for face in faces]), boxes)
    pairs = []
    while shared.max() >= SAME:
        face, box = np.unravel_index(int(shared.argmax()), shared.shape)
        pairs.append((int(face), int(box)))
        shared[face, :] = shared[:, box] = -1
    return pairs
