"""Checks that a clip is what its model planned.

What breaks the plan is a failed sample: no picture or no sound where one was promised, another size, rate or length.
What a model may do, but a reader should know, is a finding: silence, a frozen picture, streams of different lengths
(all from `media`), and clipped sound. An exit code of 0 proves nothing.
"""

from __future__ import annotations

import numpy as np

from jova_bench.media.clip import Clip
from jova_bench.models.base import Plan
from jova_bench.records import Finding

FRAMES_OFF = 1
"""Codecs and muxers lose or repeat a frame at an end."""
SECONDS_OFF = 0.1
CLIPPED_SHARE = 0.01
"""Share of all samples."""
FULL_SCALE = 1 - 2**-15
"""Largest sample of 16 bits."""


def plan_violation(clip: Clip, plan: Plan) -> str | None:
    """Returns how a clip differs from its plan; None if it does not. What the plan leaves open is not compared."""
    if (plan.frames, plan.fps, plan.height) != (None, None, None):
        if clip.frames is None:
            return "no picture where the plan promises one"
        count, height, width = clip.frames.shape[:3]
        if plan.frames is not None and abs(count - plan.frames) > FRAMES_OFF:
            return f"{count} frames where the plan says {plan.frames}"
        if plan.fps is not None and abs(float(clip.fps) - plan.fps) > 0.01:
            return f"{float(clip.fps):g} frames per second where the plan says {plan.fps:g}"
        if (plan.height, plan.width) not in ((None, None), (height, width)):
            return f"{width}x{height} where the plan says {plan.width}x{plan.height}"
    if plan.frames is None and plan.seconds is not None and abs(clip.seconds - plan.seconds) > SECONDS_OFF:
        return f"{clip.seconds:.2f} s where the plan says {plan.seconds:.2f}"
    if plan.sample_rate_hz is not None or plan.audio in ("generated", "driving"):
        if clip.audio is None:
            return "no sound where the plan promises it"
        if plan.sample_rate_hz not in (None, clip.sample_rate_hz):
            return f"{clip.sample_rate_hz} Hz where the plan says {plan.sample_rate_hz}"
    return None


def media_findings(clip: Clip) -> tuple[Finding, ...]:
    """Returns findings that need the decoded samples: clipped sound."""
    if clip.audio is None:
        return ()
    share = float(np.mean(np.abs(clip.audio) >= FULL_SCALE))
    if share <= CLIPPED_SHARE:
        return ()
    return (Finding(code="clipped", detail=f"{share:.1%} of the samples at full scale"),)


def decoded_bytes(clip: Clip) -> int:
    """Returns the memory of a clip's arrays in bytes."""
    return sum(array.nbytes for array in (clip.frames, clip.audio) if array is not None)
