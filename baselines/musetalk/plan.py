"""Plans MuseTalk for a prompt: its real clip's film with another sound, at the film's size and frame rate.

The film is cut to the sound, or played forwards and backwards until it ends (scripts/inference.py @0a89dec). Upstream
counts the sound by the whole part of the rate, so that at others the mouth would lag more and more.
"""

from __future__ import annotations

import math

from jova_baselines.external.dubbing import shown, used
from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown as quoted
from jova_bench.formatting.messages import suggest

MODES = ("jaw", "neck", "raw")
RATE_HZ = 16_000
MOST_FPS = 49
"""Largest rate at which the last frame always has sound: where it has none, upstream exits (audio_processor.py)."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of MuseTalk for a prompt. Raises BenchError if the prompt or an option is not supported."""
    mode, batch, margin = str(options["parsing"]), int(options["batch"]), int(options["margin"])
    if mode not in MODES:
        raise BenchError(f"expected a mode of parsing, got {quoted(mode)}; {suggest(mode, MODES)}")
    if batch < 1 or margin < 0:
        raise BenchError(f"expected batch of at least 1 and margin of at least 0, got {batch} and {margin}")
    assert inputs.audio is not None
    assert inputs.video is not None
    film, limits = inputs.video, manifest.limits.frames
    if film.fps.denominator != 1 or film.fps > MOST_FPS:
        what = f"a whole number of frames per second, at most {MOST_FPS}"
        raise BenchError(f"expected a film of {what}, got {float(film.fps):g}; convert it to 25, as upstream advises")
    if film.width % 2 or film.height % 2:
        raise BenchError(f"expected a film of even sides, got {film.width}x{film.height}")
    frames = heard(inputs.audio.seconds, int(film.fps))
    if not limits.least <= frames <= limits.most:
        counts = f"{limits.least} to {limits.most} frames at {film.fps} per second"
        raise BenchError(f"expected driving sound of {counts}, got {inputs.audio.seconds:g} s")
    notes = [
        used(film, inputs.audio),
        inputs.audio.cut(frames / film.fps),
        "" if film.fps == 25 else f"upstream was trained at 25 frames per second, the film has {film.fps}",
        shown(film, inputs.audio),
    ]
    return Job(
        arguments={"frames": frames, "fps": int(film.fps), "margin": margin, "parsing": mode, "batch": batch},
        frames=frames,
        fps=film.fps,
        height=film.height,
        width=film.width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # One pass a batch: it paints in a single step.
        function_evals=math.ceil(frames / batch),
        note="; ".join(filter(None, notes)),
    )


def heard(seconds: float, fps: int) -> int:
    """Returns the upstream's number of frames for audio: those that it fills, in its own arithmetic."""
    samples = math.ceil(round(seconds * RATE_HZ, 6))
    return math.floor((samples / RATE_HZ) * fps)
