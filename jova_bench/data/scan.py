"""Decodes a video once, frame by frame: finds damage, and by PySceneDetect where the camera cuts.

Two of its detectors compare hue, saturation and value of neighbouring frames: one asks for a large change, the other
for one that is large beside those before and after it, which finds cuts within bars that never change. What either
finds is a cut: a wrong one costs a clip, a missed one makes a clip that jumps. Its rule of a shortest scene is not
used, for it merges two cuts into one and leaves the other inside a clip.
"""

from __future__ import annotations

from fractions import Fraction
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from jova_bench.data.records import ScannedVideo
from jova_bench.digests import file_digest
from jova_bench.errors import Unavailable
from jova_bench.media.decode_audio import time_of
from jova_bench.media.lengths import check_length
from jova_bench.media.tracks import choose

HOW = "not installed: pip install 'jova-bench[data]'"
THRESHOLD = 27.0
"""Mean change of hue, saturation and value (0 to 255) from which a frame begins a new shot: PySceneDetect's own."""
TIMES, LEAST = 3.0, 15.0
"""A change that is so many times the mean of the two before and the two after it, and at least so large, is a cut, too:
both are PySceneDetect's own."""
LONGER_SIDE = 256
"""Pixels of the frames that are compared, as PySceneDetect shrinks them."""


def missing() -> str | None:
    """Returns how to install PySceneDetect; None if it is there."""
    return None if find_spec("scenedetect") else HOW


def scan(folder: Path, source: str) -> ScannedVideo:
    """Scans one video.

    Args:
        folder: of the videos.
        source: path of the video relative to it.

    Returns:
        Its shots, or the fault for which it cannot be used.

    Raises:
        Unavailable: PySceneDetect is not installed.
    """
    import av

    if why_not := missing():
        raise Unavailable(why_not)
    path = folder / source
    found: dict[str, Any] = {"source": source, "size_bytes": path.stat().st_size, "sha256": file_digest(path)}
    try:
        check_length(path)
        with av.open(str(path)) as container:
            return ScannedVideo(**found, **_shots(container))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        return ScannedVideo(**found, fault=getattr(error, "strerror", None) or str(error))


def _shots(container: Any) -> dict[str, Any]:
    """Finds the shots of an open file. Raises ValueError for a file that cannot be used."""
    from scenedetect import FrameTimecode
    from scenedetect.detectors import AdaptiveDetector, ContentDetector

    tracks, _ = choose(container)
    track = next((one for one in tracks if one.type == "video"), None)
    if track is None:
        raise ValueError("no picture")
    detectors = (
        ContentDetector(threshold=THRESHOLD, min_scene_len=0),
        AdaptiveDetector(adaptive_threshold=TIMES, min_scene_len=1, min_content_val=LEAST),
    )
    times: list[Fraction] = []
    cuts: set[int] = set()
    in_order = not track.codec_context.has_b_frames
    lasting = 0
    for frame in container.decode(track):
        if frame.is_corrupt:
            raise ValueError(f"frame {len(times)} is damaged")
        times.append(time_of(frame, in_order))
        if len(times) > 1 and times[-1] <= times[-2]:
            raise ValueError("the frames' timestamps do not increase")
        lasting = frame.duration
        image = frame.reformat(*_small(frame.width, frame.height), format="bgr24").to_ndarray()
        now = FrameTimecode(len(times) - 1, 25.0)
        cuts |= {cut.frame_num for detector in detectors for cut in detector.process_frame(now, image)}
    if len(times) < 2:
        raise ValueError(f"expected a video, got {len(times)} frames")
    tick = Fraction(track.time_base)
    end = times[-1] + (lasting * tick or (times[-1] - times[0]) / (len(times) - 1))
    edges = [int(times[k] / tick) for k in sorted({0, *cuts})] + [int(end / tick)]
    return {
        "tick": f"{tick.numerator}/{tick.denominator}",
        "frames": len(times),
        "start": edges[0],
        "shots": tuple(pairwise(edges)),
        "by": f"pyscenedetect {version('scenedetect-headless')} content-{THRESHOLD:g} adaptive-{TIMES:g}-{LEAST:g}",
    }


def _small(width: int, height: int) -> tuple[int, int]:
    factor = max(1.0, max(width, height) / LONGER_SIDE)
    return max(1, round(width / factor)), max(1, round(height / factor))
