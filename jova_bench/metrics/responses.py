"""States what a metric should notice and what it should not, of the changes that `jova-bench calibrate` plants.

By what it reads: a metric that reads no picture should not move when the picture alone changes, nor one that reads no
sound when the sound alone does. Beyond that `KINDS` has what a metric is for. Of all else nothing is claimed: how the
metric responds is measured.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from jova_bench.records import MetricSpec

Expected = Literal["notice", "ignore"]


class Axis(StrEnum):
    """What is changed in a clip; a change has a strength on its axis."""

    OFFSET = "offset"
    OTHER_SOUND = "other-sound"
    SILENCE = "silence"
    NOISE = "noise"
    MUSIC = "music"
    AAC = "aac"
    SAMPLE_RATE = "sample-rate"
    H264 = "h264"
    FRAME_RATE = "frame-rate"
    CROP = "crop"
    MIRROR = "mirror"
    STUTTER = "stutter"


PICTURE = frozenset({Axis.H264, Axis.FRAME_RATE, Axis.CROP, Axis.MIRROR, Axis.STUTTER})
"""Changes of the picture alone; all others change the sound alone."""
SOUND = frozenset(Axis) - PICTURE
CARRIER = frozenset({Axis.H264, Axis.AAC, Axis.SAMPLE_RATE})
"""How a clip is stored, not what it shows and says."""

KINDS: tuple[tuple[str, frozenset[Axis], frozenset[Axis]], ...] = (
    # LSE-C and LSE-D are taken at the best of the offsets that they try: whether an offset moves them is measured.
    ("lse_c lse_d", frozenset({Axis.OTHER_SOUND}), CARRIER | {Axis.FRAME_RATE, Axis.MIRROR}),
    (
        "lse_d_at_0 sync_within_1 mouth_audio_corr desync av_align",
        frozenset({Axis.OFFSET, Axis.OTHER_SOUND}),
        CARRIER | {Axis.FRAME_RATE, Axis.MIRROR},
    ),
    # The sound of another clip has any offset: the mean may be where it was.
    ("av_offset_frames mouth_audio_offset", frozenset({Axis.OFFSET}), CARRIER | {Axis.FRAME_RATE, Axis.MIRROR}),
    ("imagebind_score javis_score avh_score", frozenset({Axis.OTHER_SOUND}), CARRIER | {Axis.MIRROR}),
    ("text_video_score", frozenset(), CARRIER | {Axis.FRAME_RATE}),
    ("wer cer cp_wer cp_cer", frozenset({Axis.OTHER_SOUND}), CARRIER),
    ("pesq stoi dnsmos nisqa utmos", frozenset({Axis.NOISE}), frozenset()),
    ("prompt_hair prompt_background prompt_voice", frozenset(), CARRIER | {Axis.MIRROR}),
    ("identity_score identity_consistency", frozenset(), CARRIER | {Axis.MIRROR}),
    ("speaker_similarity", frozenset({Axis.OTHER_SOUND}), CARRIER),
    ("subject_consistency background_consistency", frozenset(), CARRIER | {Axis.FRAME_RATE, Axis.MIRROR}),
    ("motion_score dynamic_degree", frozenset(), CARRIER | {Axis.MIRROR, Axis.FRAME_RATE}),
    ("motion_smoothness", frozenset({Axis.STUTTER}), CARRIER | {Axis.MIRROR}),
    ("aesthetic_score imaging_quality temporal_flicker", frozenset(), frozenset({Axis.MIRROR})),
)
"""Names of metrics, what they should notice, what they should not."""


ORDINARY = {Axis.H264: range(29), Axis.AAC: range(48, 1000)}
"""Strengths at which a codec changes nothing that a viewer minds; beyond them it is measured what it does."""


def expected(spec: MetricSpec, axis: Axis, strength: int) -> Expected | None:
    """Returns whether a metric should notice a change or ignore it; None where nothing is claimed."""
    if ("video" not in spec.needs and axis in PICTURE) or ("audio" not in spec.needs and axis in SOUND):
        return "ignore"
    for names, noticed, ignored in KINDS:
        if spec.name in names.split():
            ordinary = axis not in ORDINARY or strength in ORDINARY[axis]
            return "notice" if axis in noticed else "ignore" if axis in ignored and ordinary else None
    return None
