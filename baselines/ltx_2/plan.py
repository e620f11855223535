"""Plans LTX-2.0, 2.3 and 2.5, which are checkpoints of one pipeline: arguments, length and size of their clips.

Source: diffusers 0.42.1, `pipelines/ltx2/pipeline_ltx2.py` (frames and sound latents) and
`models/autoencoders/autoencoder_kl_ltx2_audio.py` (mel frames); Lightricks/LTX-2 @400fd31,
`ltx_pipelines/utils/constants.py` (steps and guidance).
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from jova_baselines.external.inputs import ModelInput, shaped
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown

CELL = 32
"""Pixels along each side of a latent."""
LATENTS_PER_S = 25
"""Audio latents per second: 16 kHz, hop of 160 samples, 4 mel frames per latent."""
MEL_FRAMES_PER_S = 100
"""Mel frames per second of the audio codec and its vocoder."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of the pipeline for a prompt. Raises BenchError if it is not supported."""
    height, width = shaped(inputs.image, int(options["height"]), int(options["width"]), CELL)
    frames = manifest.limits.frames.nearest(inputs.seconds, manifest.fps)
    schedule = sampled(options)
    steps = len(schedule["sigmas"]) if "sigmas" in schedule else schedule["num_inference_steps"]
    cfg, audio_cfg = float(options["cfg"]), float(options["audio_cfg"])
    stg, modality = float(options["stg"]), float(options["modality"])
    rate = manifest.produces.sample_rate_hz
    assert rate is not None
    # Each kind of guidance compares with one more guess of the network; text guidance makes both in one batch.
    guesses = 1 + (max(cfg, audio_cfg) > 1) + (stg > 0) + (modality > 1)
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "height": height,
            "width": width,
            # Without it a newer checkpoint would choose the length by itself.
            "num_frames": frames,
            "frame_rate": float(manifest.fps),
            **schedule,
            "guidance_scale": cfg,
            "audio_guidance_scale": audio_cfg,
            "stg_scale": stg,
            "audio_stg_scale": stg,
            "spatio_temporal_guidance_blocks": [int(options["stg_block"])],
            "modality_scale": modality,
            "audio_modality_scale": modality,
            "guidance_rescale": float(options["rescale"]),
            "audio_guidance_rescale": float(options["rescale"]),
            # Checkpoints after LTX-2.0 condition each modality on the other's noise level.
            "use_cross_timestep": bool(options.get("cross_timestep", False)),
        },
        frames=frames,
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=rate,
        function_evals=steps * guesses,
        note=f"sound {samples(frames, manifest.fps, rate) / rate:.3f} s",
    )


def sampled(options: Options) -> dict[str, Any]:
    """Returns the schedule of the sampler: a number of steps, or the noise levels that a checkpoint was distilled to.

    Raises:
        BenchError: there is no step, or a level is no number from above 0 to 1, or not below the one before it.
    """
    if "sigmas" not in options:
        steps = int(options["steps"])
        if steps < 1:
            raise BenchError(f"expected at least 1 step, got {steps}")
        return {"num_inference_steps": steps}
    try:
        levels = [float(level) for level in str(options["sigmas"]).split()]
    except ValueError:
        levels = []
    falling = all(before > after for before, after in pairwise(levels))
    if not (levels and falling and levels[0] <= 1 and levels[-1] > 0):
        raise BenchError(
            f"expected sigmas as falling numbers from at most 1 to above 0, with spaces, got {shown(options['sigmas'])}"
        )
    return {"sigmas": levels}


def samples(frames: int, fps: Fraction, rate: int) -> int:
    """Returns the number of audio samples at `rate` Hz for a video: 4 mel frames per latent, one in the first."""
    return (round(frames / fps * LATENTS_PER_S) * 4 - 3) * rate // MEL_FRAMES_PER_S
