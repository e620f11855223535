"""Plans JavisDiT++ for a prompt: a resolution and an aspect ratio of upstream's tables.

The autoencoder spans 8 pixels and the network joins two by two of its latents, so that what is made has sides in
multiples of 16, from those of the table upwards (javisdit/models/wan/modules/vae.py @b505b37).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

SIDE = 16
ASPECTS = ("9:16", "3:4", "1:1", "4:3", "16:9")
"""Height to width; of upstream's 17 the common ones."""
SIZES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "240p": ((240, 426), (276, 368), (320, 320), (370, 278), (426, 240)),
    "360p": ((360, 640), (416, 554), (480, 480), (554, 416), (640, 360)),
    "480p": ((480, 854), (554, 738), (640, 640), (740, 555), (854, 480)),
}
"""(height, width) for each aspect ratio (javisdit/datasets/aspect.py)."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of JavisDiT for a prompt. Raises BenchError if the prompt or an option is not supported."""
    resolution, aspect, steps = str(options["resolution"]), str(options["aspect"]), int(options["steps"])
    for name, value, known in (("resolution", resolution, tuple(SIZES)), ("aspect", aspect, ASPECTS)):
        if value not in known:
            raise BenchError(f"expected {name} of JavisDiT, got {shown(value)}; {suggest(value, known)}")
    if steps < 1:
        raise BenchError(f"expected steps of at least 1, got {steps}")
    height, width = SIZES[resolution][ASPECTS.index(aspect)]
    made = tuple(math.ceil(side / SIDE) * SIDE for side in (height, width))
    frames = manifest.limits.frames.nearest(inputs.seconds, manifest.fps)
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "height": height,
            "width": width,
            "frames": frames,
            "negative_prompt": str(options["negative_prompt"]),
        },
        frames=frames,
        fps=manifest.fps,
        height=made[0],
        width=made[1],
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # With the prompt and with the negative one.
        function_evals=2 * steps,
        note="" if made == (height, width) else f"upstream's own size is {width}x{height}, rounded up",
    )
