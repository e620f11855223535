"""Finds the tracks of the faces of a clip, and caches them by content.

`tracks` is ours: it searches some frames of each shot and follows faces in between. The others are those of
published pipelines, which search every frame.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jova_bench.arrays import Arrays
from jova_bench.cache import CacheKey, FeatureCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import compat
from jova_bench.metrics.faces.clock import at_25_fps, shown
from jova_bench.metrics.faces.cuts import CLEAN, CutRule, shots
from jova_bench.metrics.faces.detectors import Detector, detector
from jova_bench.metrics.faces.follow import follow
from jova_bench.metrics.faces.looks import look
from jova_bench.metrics.faces.track import Boxes, Track

EVERY = 6
"""Frames (0.24 s) from one look to the next, at most: the accuracy of fewer for a fifth of the time of all."""


def tracks(clip: Clip, name: str, context: MetricContext, every: int = EVERY) -> list[Track]:
    """Finds the faces of a clip, none of which spans a cut.

    Args:
        clip: any size and rate.
        name: a detector, one of `NAMES`.
        context: keeps boxes, and says where a network runs.
        every: frames from one search to the next, at most; 1 searches all of them.

    Returns:
        Tracks in frames at 25 fps, by their first frame, then the larger first; none where no face was found.

    Raises:
        Undefined: no picture, or frames too small for the detector.
        Unavailable: the detector's package or weights are missing.
    """
    parts, chosen = shots_of(clip, CLEAN, context.cache), detector(name, context.assets)
    if every == 1:
        found = dict(enumerate(_search_all(clip, chosen, context)))
    else:

        def compute(see: See) -> dict[int, Boxes]:
            return {frame: boxes for shot in parts for frame, boxes in look(shot, every, see).items()}

        found = _kept(clip, chosen, f"at most {every} apart, cuts={CLEAN.name}", compute, context)
    looks = [[frame for frame in found if frame in shot] for shot in parts]
    return [track for shot in looks for track in follow(shot, [found[frame] for frame in shot])]


def syncnet_tracks(
    clip: Clip, name: str, context: MetricContext, cuts: CutRule, min_track: int, first_only: bool = False
) -> list[Track]:
    """Finds what syncnet_python and its descendants score; see `compat.syncnet_tracks`.

    Args:
        clip: any size and rate.
        name: a detector; upstream's is `s3fd`.
        context: as in `tracks`.
        cuts: the version of PySceneDetect.
        min_track: a face must be found in more frames than this.
        first_only: a track takes the first face of a frame or none.
    """
    found = _search_all(clip, detector(name, context.assets), context)
    return compat.syncnet_tracks(found, shots_of(clip, cuts, context.cache), min_track, first_only)


def verse_bench_segments(clip: Clip, name: str, context: MetricContext) -> list[Track]:
    """Finds what Verse-Bench scores; see `compat.verse_bench_segments`. Its detector is `buffalo_l` of insightface."""
    return compat.verse_bench_segments(_search_all(clip, detector(name, context.assets), context))


See = Callable[[list[int]], list[Boxes]]
"""Frames at 25 fps -> the (n, 5) boxes of each."""


def _search_all(clip: Clip, chosen: Detector, context: MetricContext) -> list[Boxes]:
    """Returns per frame at 25 fps the (n, 5) boxes."""

    def compute(see: See) -> dict[int, Boxes]:
        every_frame = list(range(len(at_25_fps(clip))))
        return dict(zip(every_frame, see(every_frame), strict=True))

    return list(_kept(clip, chosen, "all", compute, context).values())


def _kept(
    clip: Clip, chosen: Detector, which: str, search: Callable[[See], dict[int, Boxes]], context: MetricContext
) -> dict[int, Boxes]:
    """Returns the frames that were searched and their boxes, from the cache or by a search.

    Args:
        clip: where.
        chosen: with what.
        which: says in the cache's key which frames are searched.
        search: is given a way to search frames.
        context: as in `tracks`.
    """

    def compute() -> Arrays:
        if why_not := chosen.missing(context.assets):
            raise Unavailable(why_not)
        frames = at_25_fps(clip)
        found = search(lambda looks: chosen.find(shown(frames, looks), context.device))
        counts = [len(boxes) for boxes in found.values()]
        return {"frames": np.array(list(found)), "counts": np.array(counts), "boxes": np.concatenate([*found.values()])}

    if clip.frames is None:
        raise Undefined("no video stream")
    kept = context.cache.get(clip.digest, CacheKey("faces", 1, chosen.key, {"frames": which}), compute)
    boxes, counts = np.asarray(kept["boxes"], dtype=np.float64), np.asarray(kept["counts"], dtype=np.int64)
    return dict(zip(map(int, kept["frames"]), np.split(boxes, np.cumsum(counts)[:-1]), strict=True))


def shots_of(clip: Clip, rule: CutRule, cache: FeatureCache) -> list[range]:
    """Returns the frames at 25 a second of each shot of a clip with a picture, cached."""

    def compute() -> Arrays:
        return {"shots": np.array([(shot.start, shot.stop) for shot in shots(at_25_fps(clip), rule)])}

    key = CacheKey("shots", 1, params={"rule": rule.name})
    found = np.asarray(cache.get(clip.digest, key, compute)["shots"], dtype=np.int64)
    return [range(int(start), int(stop)) for start, stop in found]
