"""Defines how a clip becomes one lip-sync score: which face, which windows, and how several faces are combined.

`clean` is ours. The others are the pipelines whose numbers stand in papers, as data, so that a column can be
reproduced; all of them take SyncNet's distances as `lse` computes them. What an array of frames cannot follow is left
out everywhere: these pipelines encode frames and sound up to three times with loss on their way to the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from jova_bench.arrays import FloatArray
from jova_bench.errors import Undefined
from jova_bench.media.clip import Clip
from jova_bench.metrics import faces
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.faces import cuts
from jova_bench.metrics.faces.clock import FPS
from jova_bench.metrics.lip_sync.curves import MAX_SHIFT, Edges, lse_c_of, lse_d_of, offset_frames_of

MIN_FACE = 64
"""Mean longer side of a face in pixels. S3FD sees no smaller ones at the papers' scale, and LSE was introduced on LRS2,
whose whole pictures measure 160. More than 100, as published pipelines ask, would lose two of the three faces in the
generated clips of 480 lines that this was tried on."""


@dataclass(frozen=True)
class FaceCurve:
    """The shift curve of one face."""

    curve: FloatArray
    """(31,)"""
    windows: int
    first: int
    """Its first frame at 25 fps."""
    stop: int
    """Frame after its last."""


Read = Callable[[FloatArray], float]
"""Shift curve -> number."""
Find = Callable[[Clip, str, MetricContext], list[faces.Track]]
"""Clip, detector, context -> the faces to score, at least one."""


def one_speaker(read: Read, found: Sequence[FaceCurve]) -> float:
    """Takes as speaker, of faces seen at once, the one with the highest confidence; the windows of all speakers count.

    A cut so costs no more than the windows that would span it. The best of K faces flatters a clip in which none
    speaks, by what the best of K draws is above one.
    """
    speakers: list[FaceCurve] = []
    for face in sorted(found, key=lambda face: -lse_c_of(face.curve)):
        if all(face.stop <= other.first or other.stop <= face.first for other in speakers):
            speakers.append(face)
    # At shift s a curve is a mean over the windows that have a partner: |s| fewer than there are.
    terms = np.array([face.windows for face in speakers])[:, None] - np.abs(np.arange(-MAX_SHIFT, MAX_SHIFT + 1))
    return read(np.average([face.curve for face in speakers], axis=0, weights=terms))


def only_face(read: Read, found: Sequence[FaceCurve]) -> float:
    """Reads the only face; undefined for several, of which no rule chooses one."""
    if len(found) > 1:
        raise Undefined(f"{len(found)} faces: this bench gives each its own score and the clip none")
    return read(found[0].curve)


def mean_of_faces(read: Read, found: Sequence[FaceCurve]) -> float:
    """Averages over all faces, whether they speak or listen."""
    return float(np.mean([read(face.curve) for face in found]))


def mean_of_faces_cut(read: Read, found: Sequence[FaceCurve]) -> float:
    """Averages over all faces; offsets are truncated to whole frames."""
    mean = mean_of_faces(read, found)
    return float(int(mean)) if read is offset_frames_of else mean


def largest_c_minus_d(read: Read, found: Sequence[FaceCurve]) -> float:
    """Reads the first face with the largest difference of confidence and distance."""
    return read(max(found, key=lambda face: lse_c_of(face.curve) - lse_d_of(face.curve)).curve)


def best_of_faces(read: Read, found: Sequence[FaceCurve]) -> float:
    """Reads the highest confidence or the smallest distance of any face, even of different ones."""
    return (max if read is lse_c_of else min)(read(face.curve) for face in found)


def mean_unless_far(read: Read, found: Sequence[FaceCurve]) -> float:
    """Averages over all faces; undefined for a clip with one face at an offset of at least 14 frames."""
    worst = max(abs(offset_frames_of(face.curve)) for face in found)
    if worst >= MAX_SHIFT - 1:
        raise Undefined(f"best shift of {worst:.0f} frames: this bench drops clips from {MAX_SHIFT - 1} on")
    return mean_of_faces(read, found)


@dataclass(frozen=True)
class LipSyncVariant:
    """Everything that decides a score beside the network."""

    name: str
    """`clean`, or `BENCH@COMMIT`."""
    find: Find
    """Which faces are scored."""
    over: Callable[[Read, Sequence[FaceCurve]], float]
    """Combines the faces of a clip into one number."""
    numbers: tuple[str, ...]
    """Its metrics."""
    says: str
    """Description in `ls metrics`."""
    source: str
    detector: str = "s3fd"
    """One of `faces.NAMES`."""
    crop: float | None = 0.4
    """Context around a face, see `faces.crops`; None for the whole picture, which needs no detector."""
    smooth: bool = True
    """Boxes are medians over 13 frames."""
    edges: Edges = "padded"
    last_window: Literal["kept", "dropped"] = "dropped"
    min_windows: int = 1
    sound: Literal["clip", "track", "short"] = "track"
    """What a face's first and last windows hear beyond its frames: the clip's own sound; nothing; nothing, and the
    last frame's sound is missing."""
    silence_counts: bool = True
    """Silent sound is scored as any other."""
    separated: bool = False
    """The voices in the sound are heard without its music and noise, see `vocals`."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of SyncNet."""


def _followed(clip: Clip, detector: str, context: MetricContext) -> list[faces.Track]:
    """Finds every face that is large enough, however short its track."""
    tracks = faces.tracks(clip, detector, context)
    if not tracks:
        raise Undefined("no face found")
    large = [track for track in tracks if track.size >= MIN_FACE]
    if not large:
        size = max(track.size for track in tracks)
        raise Undefined(f"face too small: {size:.0f} pixels, at least {MIN_FACE} needed")
    return large


def _tracked(
    rule: cuts.CutRule,
    min_track: int,
    clip: Clip,
    detector: str,
    context: MetricContext,
    first_only: bool = False,
) -> list[faces.Track]:
    """Finds the tracks of syncnet_python's pipeline."""
    tracks = faces.syncnet_tracks(clip, detector, context, rule, min_track, first_only)
    if not tracks:
        raise Undefined(f"no face found: none of more than 100 pixels in more than {min_track} frames of a shot")
    return tracks


def _whole_picture(clip: Clip, detector: str, context: MetricContext) -> list[faces.Track]:
    """Returns one track of whole frames, taken for 25 a second at any rate, as the script does."""
    if clip.frames is None:
        raise Undefined("no video stream")
    count, height, width = clip.frames.shape[:3]
    return [faces.Track(0, np.tile([0.0, 0.0, width, height], (count, 1)))]


def _first_faces(clip: Clip, detector: str, context: MetricContext) -> list[faces.Track]:
    """Finds the segments of Verse-Bench, which first drops frames without audio."""
    count = 0 if clip.audio is None else clip.audio.shape[1] * FPS // clip.sample_rate_hz
    found = faces.verse_bench_segments(clip, detector, context)
    heard = [replace(track, boxes=track.boxes[: max(0, count - track.first)]) for track in found]
    long = [track for track in heard if len(track.boxes) >= 50]
    if not long:
        raise Undefined("no face found: none in 50 frames on end")
    return long


CLEAN = LipSyncVariant(
    name="clean",
    find=_followed,
    over=one_speaker,
    numbers=("lse_c", "lse_d", "lse_d_at_0", "av_offset_frames", "sync_within_1"),
    says="faces of 64 pixels or more are tracked within each shot; of simultaneous faces the one with the "
    "highest confidence is taken; "
    "windows shifted past the edges are left out, so that short clips score differently from published LSE",
    source="Chung and Zisserman 2016; syncnet_python SyncNetInstance.py",
    edges="masked",
    last_window="kept",
    min_windows=36,
    sound="clip",
    silence_counts=False,
)
_RATE = (
    "above 25 fps the bench's `ffmpeg -r 25` shows pictures 1 frame of 25 late (ffmpeg 4.2, 5.1) or 2 (7.0, 9.0), "
    "which is not followed: its offset is that much larger"
)
_SYNCNET_PYTHON = LipSyncVariant(
    name="syncnet_python@6efbb1c",
    find=partial(_tracked, cuts.PYSCENEDETECT_0_5_1, 100),
    over=only_face,
    numbers=("lse_c", "lse_d", "av_offset_frames"),
    says="faces seen for over 4 s; audio beyond the track is padded with zeros, one window is lost; two faces: "
    "undefined; "
    f"pictures and sound as decoded, where the bench recodes them with loss; {_RATE}",
    source="joonson/syncnet_python run_pipeline.py, SyncNetInstance.py",
)
VARIANTS = {
    "clean": CLEAN,
    "opencv-haar": replace(CLEAN, detector="opencv-haar"),
    "mediapipe": replace(CLEAN, detector="mediapipe"),
    "bfloat16": replace(CLEAN, dtype="bfloat16"),
    "syncnet_python": _SYNCNET_PYTHON,
    "wav2lip": replace(
        _SYNCNET_PYTHON,
        name="wav2lip@5c90fa9",
        over=mean_of_faces,
        numbers=("lse_c", "lse_d"),
        says="its script for real videos: as syncnet_python, mean over faces (the script: over all clips' faces); "
        + _RATE,
        source="Rudrabha/Wav2Lip evaluation/scores_LSE/calculate_scores_real_videos.py",
    ),
    "wav2lip-lrs": replace(
        _SYNCNET_PYTHON,
        name="wav2lip-lrs@5c90fa9",
        find=_whole_picture,
        numbers=("lse_c", "lse_d"),
        says="its script for LRS and LRW: no face detection: the whole frame is resized to the square; "
        "edges and pictures as in syncnet_python",
        source="Rudrabha/Wav2Lip evaluation/scores_LSE/calculate_scores_LRS.py",
        crop=None,
    ),
    "latentsync": replace(
        _SYNCNET_PYTHON,
        name="latentsync@a229c39",
        find=partial(_tracked, cuts.PYSCENEDETECT_0_6_1, 50),
        over=mean_of_faces_cut,
        numbers=("lse_c", "av_offset_frames"),
        says="as syncnet_python, faces seen for over 2 s, mean over faces; the mean offset loses its fraction; "
        + _RATE,
        source="bytedance/LatentSync eval/eval_sync_conf.py, eval/syncnet_detect.py",
    ),
    "mova": replace(
        _SYNCNET_PYTHON,
        name="mova@595a976",
        find=partial(_tracked, cuts.PYSCENEDETECT_0_6_7, 20),
        over=largest_c_minus_d,
        numbers=("lse_c", "lse_d"),
        says="as syncnet_python, faces seen for over 0.8 s, the face with the largest C - D; " + _RATE,
        source="OpenMOSS/MOVA evaluation/models/wav2lip/.../eval_lip_sync.py as scripts/run_eval.sh calls it",
    ),
    "mocha": replace(
        _SYNCNET_PYTHON,
        name="mocha@043908d",
        find=partial(_tracked, cuts.PYSCENEDETECT_0_6_7, 50, first_only=True),
        over=best_of_faces,
        numbers=("lse_c", "lse_d"),
        says="as syncnet_python, on the clip's voices without music and noise: by Kim_Vocal_2, which its README names "
        "for noise (for music Demucs, which separated its suite's speech); a clip without a face is undefined, where "
        "its script may average 0; faces seen for over 2 s, of each "
        "frame the surest or none; largest C and smallest D of any face; " + _RATE,
        source="congwei1230/MoChaBench README.md, eval-lipsync/script/syncnet_pipeline.py",
        separated=True,
        silence_counts=False,
    ),
    "versebench": replace(
        _SYNCNET_PYTHON,
        name="versebench@5645a09",
        find=_first_faces,
        over=mean_unless_far,
        numbers=("lse_c",),
        says="first detected face of each frame, identity ignored, across cuts, cropped tighter; clips with an "
        "offset of 14 frames or more are dropped; "
        "edges and pictures as in syncnet_python",
        source="Dorniwang/Verse-Bench syncnet/syncnet_inferencer.py, syncnet/synchronizer.py",
        detector="scrfd",
        crop=0.3,
        smooth=False,
        sound="short",
    ),
}
"""Variants by the name after the `@`."""
PACKAGE = replace(
    _SYNCNET_PYTHON,
    name="syncnet-pip@0.2.3",
    find=partial(_tracked, cuts.PYSCENEDETECT_0_6_7, 50),
    numbers=("lse_c", "lse_d"),
    says="by the syncnet-python package; faces seen for over 2 s by our tracker; largest C and smallest D of any face",
    source="nawta/SyncNet_py309_313 syncnet_python/SyncNetInstance.py, syncnet_pipeline.py",
)
"""The package's own arithmetic, which alone defines a score over several faces (`lse_package`)."""
