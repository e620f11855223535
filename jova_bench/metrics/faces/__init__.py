"""Detects the faces of a clip, tracks them from frame to frame, and crops them as SyncNet needs them.

    from jova_bench.metrics import faces
    for track in faces.tracks(clip, "s3fd", context):
        images = faces.crops(faces.at_25_fps(clip), track, scale=0.4)  # (n, 224, 224, 3) BGR

One file an idea: `detectors` (and a file for each), `cuts`, `looks`, `follow`, `search` (a clip's tracks, cached),
`compat` (tracks of published pipelines), `crop`, `clock`. Nothing heavy is imported before it is needed.
"""

from jova_bench.metrics.faces.clock import at_25_fps
from jova_bench.metrics.faces.crop import crops
from jova_bench.metrics.faces.detectors import NAMES, Detector, detector
from jova_bench.metrics.faces.search import EVERY, syncnet_tracks, tracks, verse_bench_segments
from jova_bench.metrics.faces.track import Track

__all__ = [
    "EVERY",
    "NAMES",
    "Detector",
    "Track",
    "at_25_fps",
    "crops",
    "detector",
    "syncnet_tracks",
    "tracks",
    "verse_bench_segments",
]
