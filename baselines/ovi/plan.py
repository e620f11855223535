"""Plans Ovi for a prompt: the size and length of its clip.

Of the requested size, Ovi keeps the aspect ratio alone: it makes the area that its variant was trained for,
in sides of multiples of 32 (ovi/utils/processing_utils.py @5b69b25).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

SIDE = 32
SOLVERS = ("unipc", "dpm++", "euler")


@dataclass(frozen=True)
class Variant:
    """One of the upstream's checkpoints."""

    frames: int
    area: int


VARIANTS: Mapping[str, Variant] = {
    "720x720_5s": Variant(frames=121, area=720 * 720),
    "960x960_5s": Variant(frames=121, area=960 * 960),
    "960x960_10s": Variant(frames=241, area=960 * 960),
}


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of Ovi for a prompt. Raises BenchError if the prompt or an option is not supported."""
    name, solver = str(options["variant"]), str(options["solver"])
    if name not in VARIANTS:
        raise BenchError(f"expected a variant of Ovi, got {shown(name)}; {suggest(name, VARIANTS)}")
    if solver not in SOLVERS:
        raise BenchError(f"expected a solver of Ovi, got {shown(solver)}; {suggest(solver, SOLVERS)}")
    variant = VARIANTS[name]
    height, width = int(options["height"]), int(options["width"])
    if inputs.image is None:
        made = snapped(height, width, variant.area)
    else:
        made = nearest(inputs.image.height, inputs.image.width, variant.area)
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "size": [height, width],
            "steps": int(options["steps"]),
            "solver": solver,
            "shift": float(options["shift"]),
            "video_guidance": float(options["video_guidance"]),
            "audio_guidance": float(options["audio_guidance"]),
            "slg_layer": int(options["slg_layer"]),
            "video_negative_prompt": str(options["video_negative_prompt"]),
            "audio_negative_prompt": str(options["audio_negative_prompt"]),
        },
        frames=variant.frames,
        fps=manifest.fps,
        height=made[0],
        width=made[1],
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # With and without the prompt at every step.
        function_evals=2 * int(options["steps"]),
    )


def snapped(height: int, width: int, area: int) -> tuple[int, int]:
    """Returns (height, width) without an image: scaled to the area, then rounded to multiples."""
    scale = math.sqrt(area / (height * width))
    # The first rounding is upstream's, too: it decides cases near the middle between two multiples.
    return _multiple(round(height * scale)), _multiple(round(width * scale))


def nearest(height: int, width: int, area: int) -> tuple[int, int]:
    """Returns (height, width) for an image: of eight candidates the nearest in area, then in aspect ratio."""
    ratio = width / height
    rows = max(1, round(math.sqrt(max(1, area // SIDE**2) / ratio)))
    tries = [max(1, rows + step) for step in range(-3, 4)]
    candidates = [(r * SIDE, max(1, round(r * ratio)) * SIDE) for r in tries]
    scale = math.sqrt(area / (height * width))
    candidates.append((_multiple(height * scale), _multiple(width * scale)))
    return min(candidates, key=lambda hw: (abs(hw[0] * hw[1] - area), abs(hw[1] / hw[0] - ratio)))


def _multiple(side: float) -> int:
    return max(SIDE, round(side / SIDE) * SIDE)
