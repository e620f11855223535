"""From a clip to the tracks of its faces; whatever was found once is kept by content.

`tracks` is ours: it looks at every k-th frame of a shot and at its last, and follows faces between the looks. The
others are what published pipelines do, with a look at every frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jova_bench.metrics.base import Arrays, FeatureCache
from jova_bench.metrics.faces import compat
from jova_bench.metrics.faces.clock import at_25_fps
from jova_bench.metrics.faces.cuts import CLEAN, CutRule, shots
from jova_bench.metrics.faces.detectors import Detector, detector
from jova_bench.metrics.faces.follow import follow
from jova_bench.metrics.faces.track import Boxes, Track
from jova_bench.types import Clip, Unavailable, Undefined

EVERY = 5
"""Frames (0.2 s) from one look to the next."""


def tracks(clip: Clip, name: str, cache: FeatureCache, device: str, every: int = EVERY) -> list[Track]:
    """The faces of a clip, none of which spans a cut.

    Args:
        clip: any size and rate.
        name: a detector, one of `NAMES`.
        cache: where boxes are kept.
        device: where a network runs.
        every: frames from one look to the next; 1 looks at all of them.

    Returns:
        Tracks in frames at 25 fps, by their first frame, then the larger first; none where no face was found.

    Raises:
        Undefined: no picture, or frames too small for the detector.
        Unavailable: the detector's package or weights are missing.
    """
    chosen = detector(name)
    found_shots = _shots(clip, CLEAN, cache)
    looks = [looks_at(shot, every) for shot in found_shots]
    which = "all" if every == 1 else f"every={every},cuts={CLEAN.name}"
    boxes = iter(_search(clip, [frame for shot in looks for frame in shot], chosen, which, cache, device))
    return [track for shot in looks for track in follow(shot, [next(boxes) for _ in shot])]


def syncnet_tracks(
    clip: Clip, name: str, cache: FeatureCache, device: str, cuts: CutRule, min_track: int
) -> list[Track]:
    """What syncnet_python and its descendants score; see `compat.syncnet_tracks`.

    Args:
        clip: any size and rate.
        name: a detector; upstream's is `s3fd`.
        cache: where boxes are kept.
        device: where a network runs.
        cuts: the version of PySceneDetect.
        min_track: a face must be found in more frames than this.
    """
    found = _search_all(clip, detector(name), cache, device)
    return compat.syncnet_tracks(found, _shots(clip, cuts, cache), min_track)


def verse_bench_segments(clip: Clip, name: str, cache: FeatureCache, device: str) -> list[Track]:
    """What Verse-Bench scores; see `compat.verse_bench_segments`. Its own detector is insightface's `buffalo_l`."""
    return compat.verse_bench_segments(_search_all(clip, detector(name), cache, device))


def looks_at(shot: range, every: int) -> list[int]:
    """The frames of a shot that are searched: every k-th from its first, and its last."""
    return sorted({*shot[::every], shot[-1]})


def _search_all(clip: Clip, chosen: Detector, cache: FeatureCache, device: str) -> list[Boxes]:
    """Per frame at 25 fps the (n, 5) boxes."""
    return _search(clip, None, chosen, "all", cache, device)


def _search(
    clip: Clip, looks: Sequence[int] | None, chosen: Detector, which: str, cache: FeatureCache, device: str
) -> list[Boxes]:
    """Per look the (n, 5) boxes; None looks at every frame. `which` names the looks in the cache's key."""

    def compute() -> Arrays:
        if why_not := chosen.missing():
            raise Unavailable(why_not)
        frames = at_25_fps(clip)
        found = chosen.find(frames if looks is None else frames[list(looks)], device)
        return {"counts": np.array([len(boxes) for boxes in found]), "boxes": np.concatenate(found)}

    if clip.frames is None:
        raise Undefined("no video stream")
    kept = cache.get(clip.digest, f"faces@1[{chosen.key}]{{{which}}}", compute)
    boxes = np.asarray(kept["boxes"], dtype=np.float64)
    return np.split(boxes, np.cumsum(np.asarray(kept["counts"], dtype=np.int64))[:-1])


def _shots(clip: Clip, rule: CutRule, cache: FeatureCache) -> list[range]:
    """The frames of each shot."""

    def compute() -> Arrays:
        return {"shots": np.array([(shot.start, shot.stop) for shot in shots(at_25_fps(clip), rule)])}

    found = np.asarray(cache.get(clip.digest, f"shots@1[{rule.name}]", compute)["shots"], dtype=np.int64)
    return [range(int(start), int(stop)) for start, stop in found]
