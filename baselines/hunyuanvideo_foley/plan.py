"""Plans HunyuanVideo-Foley for a source video: audio for the frames that the upstream reads of it.

It reads a film at 25 frames per second for Synchformer and makes two latents of sound for each
(hunyuanvideo_foley/utils/{feature_utils,model_utils}.py @df7b005). Of a longer film it leaves the rest without sound.
"""

from __future__ import annotations

from jova_baselines.external.foley import kept, short
from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

VARIANTS = ("xxl", "xl")
SYNC_FPS = 25
"""Frame rate at which Synchformer reads the video."""
SEGMENT = 16
"""Frames of a Synchformer segment, the shortest input with a feature."""
LATENTS_PER_S = 50
"""Latents of audio per second (configs/hunyuanvideo-foley-xxl.yaml)."""
MOST_SECONDS = 15
"""Length of film that the upstream reads."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of HunyuanVideo-Foley for a prompt. Raises BenchError if prompt or option is not supported."""
    variant, steps, guidance = str(options["variant"]), int(options["steps"]), float(options["guidance"])
    if variant not in VARIANTS:
        raise BenchError(
            f"expected a variant of HunyuanVideo-Foley, got {shown(variant)}; {suggest(variant, VARIANTS)}"
        )
    if steps < 1:
        raise BenchError(f"expected at least 1 step, got {steps}")
    assert inputs.video is not None
    film, most = inputs.video, manifest.limits.frames.most
    if film.seconds > MOST_SECONDS or film.frames > most:
        got = f"{film.frames} in {film.seconds:.2f} s"
        raise BenchError(f"expected a film of at most {MOST_SECONDS} s and {most} frames, got {got}; cut it")
    if film.height % 2 or film.width % 2:
        raise BenchError(f"expected a film of even sides, got {film.width}x{film.height}")
    read = kept(film, SYNC_FPS)
    if read < SEGMENT:
        least = SEGMENT / SYNC_FPS
        raise BenchError(f"expected a film of which upstream reads at least {least:g} s, got {film.seconds:.2f} s")
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "negative_prompt": str(options["negative_prompt"]),
            "steps": steps,
            "guidance": guidance,
        },
        frames=film.frames,
        fps=film.fps,
        height=film.height,
        width=film.width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # With and without text and film.
        function_evals=(2 if guidance > 1 else 1) * steps,
        note=short(film, latents(read) / LATENTS_PER_S),
    )


def latents(read: int) -> int:
    """Returns the upstream's number of latents for so many frames, in its own arithmetic: 28 give 56, 29 give 57."""
    return int((read / SYNC_FPS) * LATENTS_PER_S)
