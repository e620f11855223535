"""Plans FantasyTalking for a prompt: as many frames as cover its sound, up to those that it was trained for.

The image is scaled by its longer side (utils.py @8c2d0c9), and its sides are rounded up to multiples of 16
(diffsynth/pipelines/base.py).
"""

from __future__ import annotations

import math

from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError

SIDE = 16
STEPS = 30
"""Fixed by the upstream's script."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of FantasyTalking for a prompt. Raises BenchError if the prompt or an option is not supported."""
    limits, most = manifest.limits.frames, int(options["max_frames"])
    if not limits.least <= most <= limits.most or (most - limits.offset) % limits.step:
        counts = f"n * {limits.step} + {limits.offset} from {limits.least} to {limits.most}"
        raise BenchError(f"expected max_frames of {counts}, got {most}")
    assert inputs.image is not None
    assert inputs.audio is not None
    made = min(covering(inputs.audio.seconds, int(manifest.fps)), most)
    # The upstream ends the video with its audio.
    frames = min(made, inputs.audio.frames(manifest.fps))
    height, width = fitted(inputs.image.height, inputs.image.width, int(options["image_size"]))
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "fps": int(manifest.fps),
            "max_frames": most,
            "frames": frames,
            "image_size": int(options["image_size"]),
            "audio_scale": float(options["audio_scale"]),
            "prompt_guidance": float(options["prompt_guidance"]),
            "audio_guidance": float(options["audio_guidance"]),
        },
        frames=frames,
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # With everything, without the sound, and without the prompt as well.
        function_evals=(2 if float(options["prompt_guidance"]) == 1 else 3) * STEPS,
        note=inputs.audio.cut(frames / manifest.fps),
    )


def covering(seconds: float, fps: int) -> int:
    """Returns the upstream's number of frames for audio, without limit: 4 n + 1, longer than the audio (infer.py)."""
    return int(fps * seconds // 4) * 4 + 5


def fitted(height: int, width: int, longest: int) -> tuple[int, int]:
    """Returns (height, width) of the video for an image.

    Raises:
        BenchError: nothing is left of its shorter side.
    """
    scale = longest / max(height, width)
    rows, columns = (math.ceil(int(side * scale) / SIDE) * SIDE for side in (height, width))
    if not rows * columns:
        raise BenchError(f"expected an image of which {longest} pixels show something, got {width}x{height}")
    return rows, columns
