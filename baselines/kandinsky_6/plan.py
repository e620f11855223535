"""Plans Kandinsky 6: arguments, length and size of its clips.

Source: diffusers 0.42.1, `pipelines/kandinsky6/pipeline_kandinsky6_ti2va.py` (sizes are multiples of the codec's 8
pixels times patches of 2; other numbers of frames are rounded there without an error).
"""

from __future__ import annotations

from jova_baselines.external.inputs import ModelInput, shaped
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError

CELL = 16
"""Pixels along each side of a token."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of the pipeline for a prompt. Raises BenchError if it is not supported."""
    height, width = shaped(inputs.image, int(options["height"]), int(options["width"]), CELL)
    frames = manifest.limits.frames.nearest(inputs.seconds, manifest.fps)
    steps, cfg = int(options["steps"]), float(options["cfg"])
    if steps < 1:
        raise BenchError(f"expected at least 1 step, got {steps}")
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "height": height,
            "width": width,
            "num_frames": frames,
            "frame_rate": float(manifest.fps),
            "num_inference_steps": steps,
            "guidance_scale": cfg,
        },
        frames=frames,
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # With and without the prompt.
        function_evals=(2 if cfg > 1 else 1) * steps,
    )
