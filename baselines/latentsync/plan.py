"""Plans LatentSync for a prompt: its real clip's film, brought to 25 frames per second, with another sound.

The film is cut to the sound, or played forwards and backwards until it ends (latentsync/pipelines/lipsync_pipeline.py
@a229c39). It keeps its size.
"""

from __future__ import annotations

import math
from fractions import Fraction

from jova_baselines.external.dubbing import shown, used
from jova_baselines.external.inputs import ModelInput, SourceVideo
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_bench.errors import BenchError

PART = 16
"""Frames that go through the network together (configs/unet/stage2_512.yaml)."""
FACE_WIDTH, FACE_HEIGHT = 50, 80
"""Pixels of the smallest face that upstream takes for one (latentsync/utils/face_detector.py)."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of LatentSync for a prompt. Raises BenchError if the prompt or an option is not supported."""
    steps, guidance = int(options["steps"]), float(options["guidance"])
    if steps < 1 or guidance < 1:
        raise BenchError(f"expected steps and guidance of at least 1, got {steps} and {guidance:g}")
    assert inputs.audio is not None
    assert inputs.video is not None
    film, limits = inputs.video, manifest.limits.frames
    frames = inputs.audio.frames(manifest.fps)
    if not limits.least <= frames <= limits.most:
        counts = f"{limits.least} to {limits.most} frames at {manifest.fps} per second"
        raise BenchError(f"expected driving sound of {counts}, got {inputs.audio.seconds:g} s")
    if film.width < FACE_WIDTH or film.height < FACE_HEIGHT or film.width % 2 or film.height % 2:
        least = f"{FACE_WIDTH}x{FACE_HEIGHT}, the smallest face that upstream sees,"
        raise BenchError(f"expected a film of even sides and at least {least} got {film.width}x{film.height}")
    return Job(
        arguments={"frames": frames, "steps": steps, "guidance": guidance},
        frames=frames,
        fps=manifest.fps,
        height=film.height,
        width=film.width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # With and without the sound.
        function_evals=(2 if guidance > 1 else 1)
        * steps
        * math.ceil(upstream_frames(inputs.audio.seconds, manifest.fps) / PART),
        note="; ".join(filter(None, [used(film, inputs.audio), rate(film, manifest), shown(film, inputs.audio)])),
    )


def upstream_frames(seconds: float, fps: Fraction) -> int:
    """Returns the upstream's number of frames: one or two beyond the audio, which are dropped (audio2feature.py)."""
    return int(seconds * fps + 1e-6) + 2


def rate(film: SourceVideo, manifest: Manifest) -> str:
    """Returns a note on repeated or dropped frames."""
    return (
        ""
        if film.fps == manifest.fps
        else f"upstream brings the film from {float(film.fps):g} to {manifest.fps} frames per second"
    )
