"""Builds tracks as published pipelines do, from a search of every frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jova_bench.metrics.faces.track import Boxes, Track, between, overlaps

SAME = 0.5
MAX_GAP = 25


def syncnet_tracks(
    found: Sequence[Boxes], shots: Sequence[range], min_track: int, first_only: bool = False, min_face: float = 100
) -> list[Track]:
    """Finds tracks as joonson/syncnet_python run_pipeline.py `track_shot` at 6efbb1c does, and its descendants.

    A track begins with the first box that is left, in order of frames and within a frame by score, and takes from
    each later frame the first box that overlaps its last one by more than one half, until 25 frames have none. It
    counts if it was found in more than `min_track` frames of a shot of at least as many, and if the mean width or
    the mean height of its box is more than `min_face` pixels.

    Args:
        found: per frame the (n, 4 or more) boxes, best first; none share more than 0.1, as S3FD gives them.
        shots: the frames of each shot.
        min_track: frames; a face found in exactly so many is dropped.
        first_only: the first box alone that is left of a frame is looked at, as by `_track` of MoChaBench's
            syncnet_pipeline.py at 043908d, so that two faces whose scores change places lose each other's frames.
        min_face: pixels.

    Returns:
        Tracks in the order in which upstream scores them.
    """
    tracks = []
    for shot in shots:
        if len(shot) < min_track:
            continue
        left = {frame: list(found[frame]) for frame in shot}
        while taken := _take(left, first_only):
            frames, boxes = np.array([frame for frame, _ in taken]), np.array([box for _, box in taken])
            track = between(frames, boxes[:, :4])
            sides = (track.boxes[:, 2:] - track.boxes[:, :2]).mean(axis=0)
            if len(taken) > min_track and sides.max() > min_face:
                tracks.append(track)
    return tracks


def _take(left: dict[int, list[Boxes]], first_only: bool) -> list[tuple[int, Boxes]]:
    """Takes the boxes of one face out of those that are left."""
    taken: list[tuple[int, Boxes]] = []
    for frame, boxes in left.items():
        for k, box in enumerate(boxes[:1] if first_only else boxes):
            if taken and frame - taken[-1][0] > MAX_GAP:
                return taken
            if not taken or overlaps(box[None], taken[-1][1][None])[0, 0] > SAME:
                taken.append((frame, boxes.pop(k)))
                break
    return taken


def verse_bench_segments(found: Sequence[Boxes], min_frames: int = 50) -> list[Track]:
    """Finds segments as Dorniwang/Verse-Bench syncnet/syncnet_inferencer.py `crop_face` at 5645a09 does.

    The first face of each frame, of any person; a frame without one ends the segment. Cuts are not looked for, and
    nothing is smoothed.

    Args:
        found: per frame the (n, 4 or more) boxes, best first.
        min_frames: shorter segments are dropped.
    """
    segments: list[Track] = []
    start = 0
    for frame in range(len(found) + 1):
        if frame == len(found) or not len(found[frame]):
            if frame - start >= min_frames:
                segments.append(Track(start, np.array([boxes[0][:4] for boxes in found[start:frame]])))
            start = frame + 1
    return segments
