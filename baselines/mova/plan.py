"""Plans MOVA for a prompt: a size of the options, into which upstream crops the image.

Facts from mova/diffusion/pipelines/pipeline_mova.py and mova/datasets/transforms/custom.py @595a976. The shift of
the noise schedule is no option: upstream's pipeline takes it and leaves its use commented out.
"""

from __future__ import annotations

from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

VARIANTS = ("360p", "720p")
OFFLOADS = ("none", "cpu", "group")
SIDE = 16
"""Multiple of the sides in pixels: patches of 2 x 2 latents."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of MOVA for a prompt. Raises BenchError if the prompt or an option is not supported."""
    for name, known in (("variant", VARIANTS), ("offload", OFFLOADS)):
        if (value := str(options[name])) not in known:
            raise BenchError(f"expected {name} of MOVA, got {shown(value)}; {suggest(value, known)}")
    height, width, steps = int(options["height"]), int(options["width"]), int(options["steps"])
    if height % SIDE or width % SIDE or min(height, width) < SIDE:
        raise BenchError(f"expected height and width in multiples of {SIDE}, got {width}x{height}")
    assert inputs.image is not None
    frames = manifest.limits.frames.nearest(inputs.seconds, manifest.fps)
    kept = cropped(inputs.image.height, inputs.image.width, height, width)
    if not all(kept):
        given = f"{inputs.image.width}x{inputs.image.height}"
        raise BenchError(f"expected an image of which a cut of {width}x{height} leaves something, got {given}")
    whole = kept == (inputs.image.height, inputs.image.width)
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "height": height,
            "width": width,
            "frames": frames,
            "steps": steps,
            "guidance": float(options["guidance"]),
            "negative_prompt": str(options["negative_prompt"]),
        },
        frames=frames,
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        function_evals=(1 if float(options["guidance"]) == 1 else 2) * steps,
        note=""
        if whole
        else f"upstream crops the image of {inputs.image.width}x{inputs.image.height} to {kept[1]}x{kept[0]}",
    )


def cropped(height: int, width: int, into_height: int, into_width: int) -> tuple[int, int]:
    """Returns (height, width) of the upstream's central crop of an image, before it is scaled."""
    if height / width < into_height / into_width:
        return height, int(height / into_height * into_width)
    return int(width / into_width * into_height), width
