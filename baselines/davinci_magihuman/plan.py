"""Plans daVinci-MagiHuman for a prompt: whole seconds, and a size in the image's shape, which upstream crops.

Facts from inference/pipeline/video_generate.py, inference/pipeline/video_process.py and example/ @209209b.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jova_baselines.external.inputs import ModelInput, shaped
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

SIDE = 32
"""Multiple of the sides in pixels: patches of 2 x 2 latents of 16 x 16 pixels."""
LATENT = 4
"""Frames per latent of the picture."""


@dataclass(frozen=True)
class Variant:
    """One of the upstream's example configurations."""

    scale: float
    """Side of the clip by that of the first stage; 1 without super-resolution."""
    passes: int
    """Passes of the first stage's network at every step: with the prompt, and without it where it is guided."""


VARIANTS: Mapping[str, Variant] = {
    "base": Variant(scale=1, passes=2),
    "distill": Variant(scale=1, passes=1),
    "540p": Variant(scale=2, passes=2),
    "1080p": Variant(scale=4.25, passes=2),
}


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of daVinci-MagiHuman for a prompt. Raises BenchError if an input or option is not supported."""
    name = str(options["variant"])
    if name not in VARIANTS:
        raise BenchError(f"expected a variant of daVinci-MagiHuman, got {shown(name)}; {suggest(name, VARIANTS)}")
    variant, steps, upscaling = VARIANTS[name], int(options["steps"]), int(options["upscaling_steps"])
    height, width = shaped(inputs.image, int(options["height"]), int(options["width"]), SIDE)
    fps = int(manifest.fps)
    seconds = min(max(1, round(inputs.seconds)), round(manifest.limits.frames.most / fps))
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "seconds": seconds,
            "base_height": first_stage(height, variant.scale),
            "base_width": first_stage(width, variant.scale),
            "height": height,
            "width": width,
            "steps": steps,
            "upscaling_steps": upscaling,
        },
        frames=frames_of(seconds, fps),
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # The super-resolution is not guided.
        function_evals=variant.passes * steps + (upscaling if variant.scale > 1 else 0),
        note=_crop(inputs, height, width),
    )


def frames_of(seconds: int, fps: int) -> int:
    """Returns the number of frames of whole latents in so many seconds."""
    return seconds * fps // LATENT * LATENT + 1


def first_stage(side: int, scale: float) -> int:
    """Returns the first stage's side for a side of the clip, in pixels."""
    return max(1, round(side / scale / SIDE)) * SIDE


def cropped(height: int, width: int, into_height: int, into_width: int) -> tuple[int, int]:
    """Returns (height, width) of the upstream's central crop of an image, before it is scaled."""
    if height / width > into_height / into_width:
        return _kept(height, int(width * into_height / into_width)), width
    return height, _kept(width, int(height * into_width / into_height))


def _kept(side: int, wanted: int) -> int:
    """Returns the pixels between the ends of a crop, which Pillow rounds each for itself."""
    return round((side + wanted) / 2) - round((side - wanted) / 2)


def _crop(inputs: ModelInput, height: int, width: int) -> str:
    """Returns a note if the upstream crops the image."""
    if inputs.image is None:
        return ""
    given = f"{inputs.image.width}x{inputs.image.height}"
    kept = cropped(inputs.image.height, inputs.image.width, height, width)
    whole = kept == (inputs.image.height, inputs.image.width)
    return "" if whole else f"upstream crops the image of {given} to {kept[1]}x{kept[0]}"
