"""Plans Wan2.2-TI2V: arguments, length and size of its films.

Source: diffusers 0.42.1, `pipelines/wan/pipeline_wan.py` and `pipeline_wan_i2v.py` (sizes and counts are rounded there
without an error); Wan-Video/Wan2.2 @42bf4cf, `wan/configs/wan_ti2v_5B.py`.
"""

from __future__ import annotations

from jova_baselines.external.inputs import ModelInput, shaped
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError

CELL = 32
"""Pixels along each side of a token: 16 of the codec, in patches of 2."""


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
            "negative_prompt": str(options["negative_prompt"]),
            "height": height,
            "width": width,
            "num_frames": frames,
            "num_inference_steps": steps,
            "guidance_scale": cfg,
        },
        frames=frames,
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=None,
        # With and without the prompt.
        function_evals=(2 if cfg > 1 else 1) * steps,
    )
