"""Plans MMAudio for a source video: audio as long as the video, or as the part that the upstream reads.

It reads a film at 8 and at 25 frames per second and makes sound for the shorter of both and of what was asked, in whole
latents (mmaudio/eval_utils.py, mmaudio/data/av_utils.py and mmaudio/model/sequence_config.py @974010a).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from jova_baselines.external.foley import kept, short
from jova_baselines.external.inputs import ModelInput, SourceVideo
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

CLIP_FPS, SYNC_FPS = 8.0, 25.0
"""Frame rates at which CLIP and Synchformer read the video."""
SEGMENT = 16
"""Frames of a Synchformer segment, the shortest input with a feature."""


@dataclass(frozen=True)
class Variant:
    """One of the upstream's checkpoints."""

    sample_rate_hz: int
    samples_per_latent: int


LOW, HIGH = Variant(16_000, 512), Variant(44_100, 1024)
VARIANTS: Mapping[str, Variant] = {
    "small_16k": LOW,
    "small_44k": HIGH,
    "medium_44k": HIGH,
    "large_44k": HIGH,
    "large_44k_v2": HIGH,
}


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of MMAudio for a prompt. Raises BenchError if the prompt or an option is not supported."""
    name, steps, cfg = str(options["variant"]), int(options["steps"]), float(options["cfg"])
    if name not in VARIANTS:
        raise BenchError(f"expected a variant of MMAudio, got {shown(name)}; {suggest(name, VARIANTS)}")
    if steps < 1:
        raise BenchError(f"expected at least 1 step, got {steps}")
    assert inputs.video is not None
    film, variant, most = inputs.video, VARIANTS[name], manifest.limits.frames.most
    if film.frames > most:
        raise BenchError(f"expected a film of at most {most} frames, got {film.frames}")
    if film.height % 2 or film.width % 2:
        raise BenchError(f"expected a film of even sides, got {film.width}x{film.height}")
    seconds = read(film)
    if int(SYNC_FPS * seconds) < SEGMENT:
        least = SEGMENT / SYNC_FPS
        raise BenchError(f"expected a film of which MMAudio reads at least {least:g} s, got {film.seconds:.2f} s")
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "negative_prompt": str(options["negative_prompt"]),
            "seconds": film.seconds,
            "steps": steps,
            "cfg": cfg,
        },
        frames=film.frames,
        fps=film.fps,
        height=film.height,
        width=film.width,
        sample_rate_hz=variant.sample_rate_hz,
        # With and without text and film.
        function_evals=(2 if cfg >= 1 else 1) * steps,
        note=short(film, samples(seconds, variant) / variant.sample_rate_hz),
    )


def read(film: SourceVideo) -> float:
    """Returns the seconds of a source video for which the upstream generates audio."""
    return min(film.seconds, kept(film, CLIP_FPS) / CLIP_FPS, kept(film, SYNC_FPS) / SYNC_FPS)


def samples(seconds: float, variant: Variant) -> int:
    """Returns the upstream's number of audio samples for a length in seconds."""
    latents = math.ceil(seconds * variant.sample_rate_hz / (variant.samples_per_latent // 2) / 2)
    return latents * variant.samples_per_latent
