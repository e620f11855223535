"""Lists each bench's definition of DeSync: which part of a clip is used, and which number of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SEGMENTS = 14
"""That the network was trained to compare: 4.8 s."""
SIDE = 224


@dataclass(frozen=True)
class DesyncVariant:
    """Describes a definition: which part of a clip is used, and which number of the network."""

    name: str
    """`clean`, or `BENCH@COMMIT`."""
    seconds: float | None = None
    """Taken from the start of the clip; None for all of it."""
    short: Literal["refuse", "hold", "blank"] = "refuse"
    """A clip shorter than `seconds` is undefined, or its last frame is held (short sound: undefined), or black frames
    and silence follow."""
    picking: Literal["near", "floor"] = "near"
    """How frames are brought to 25 fps (`resample_frame_indices`)."""
    side: int = SIDE
    """Pixels of the shorter side before the middle 224 x 224 are cut out."""
    first_frame: int = 0
    """Where the first segment begins."""
    windows: Literal["spread", "ends", "cycle", "first"] = "ends"
    """Which segments are compared (`windows`)."""
    segments: int = SEGMENTS
    """Segments of a window."""
    signed: bool = False
    """The sign of the offset is kept, so that early and late clips cancel in a mean."""
    says: str = ""
    """Description in `ls metrics`."""


VARIANTS = {
    protocol.name.partition("@")[0]: protocol
    for protocol in (
        DesyncVariant(
            "clean",
            windows="spread",
            says="absolute audio-video offset by Synchformer, in seconds: the most probable offset of each "
            "4.8 s, averaged",
        ),
        DesyncVariant(
            "avbenchmark@050a5cd",
            seconds=8.0,
            says="MMAudio's DeSync: first and last 4.8 s of the first 8 s; shorter clips are dropped",
        ),
        DesyncVariant(
            "mova@595a976",
            seconds=7.9,
            short="hold",
            says="as av-benchmark, of the first 7.9 s; the last frame of a short video is repeated, clips with "
            "short sound are dropped",
        ),
        DesyncVariant(
            "javisbench@b505b37",
            seconds=4.0,
            short="blank",
            windows="cycle",
            says="first 4 s, its 11 segments repeated to 14; short clips are padded with black frames and silence",
        ),
        DesyncVariant(
            "vabench@0b1fe7c",
            picking="floor",
            says="first and last 4.8 s of picture and of sound, each from its own end; the bench scores failures 1.0 s",
        ),
        DesyncVariant(
            "versebench@5645a09",
            seconds=4.0,
            side=256,
            first_frame=2,
            windows="first",
            segments=11,
            signed=True,
            says="AV-A: signed, so early and late clips cancel; 11 segments where the network was trained on 14",
        ),
        DesyncVariant(
            "t2av@b726966",
            seconds=5.0,
            side=256,
            first_frame=2,
            windows="first",
            signed=True,
            says="signed, so early and late clips cancel; 0.08 to 4.88 s of clips of at least 5 s",
        ),
        DesyncVariant(
            "t2av-absolute@0efeded",
            seconds=5.0,
            side=256,
            first_frame=2,
            windows="first",
            says="T2AV-Compass since its pull request 14: as t2av, but without the sign, so that clips are averaged by "
            "their absolute offsets",
        ),
    )
}
"""Ours, and those of av-benchmark (av_bench/evaluate.py), MOVA (evaluation/metrics/av_quality/eval_av_quality.py as
run_eval.sh calls it), JavisBench (JavisDiT eval/javisbench/src/metrics.py as its README calls it), VABench
(vabench/second_desync.py), Verse-Bench (syncformer/) and T2AV-Compass
(t2av-compass/Objective/Similarity/Synchformer-main/batch_test_folder.py, which since pull request 14, at
0efeded18f775c596ba2d37e7bcc7338e0b7308a, averages the absolute offsets of clips); the last two are
v-iashin/Synchformer's example.py."""
