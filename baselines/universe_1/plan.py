"""Plans UniVerse-1 for a prompt: one length, and that of three sizes whose shape is nearest to the image's.

Facts from fastvideo/sample/sample_universe.py @2b9bb02.
"""

from __future__ import annotations

from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import rendered, short
from jova_bench.errors import BenchError

SIZES = ((512, 512), (480, 768), (768, 480))
"""(height, width)."""
AMBIENT_WORDS = 256
"""Largest number of tokens of the audio caption; every word is at least one."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of UniVerse-1 for a prompt. Raises BenchError if an input is not supported."""
    assert inputs.image is not None
    steps, guidance = int(options["steps"]), float(options["video_guidance"])
    if guidance <= 1:
        # The pipeline looks at this one alone when it decides whether to guide anything.
        raise BenchError(f"expected video_guidance above 1, else audio_guidance is ignored as well, got {guidance:g}")
    prompt = rendered(manifest.renderer, inputs.prompt)
    assert isinstance(prompt, dict)
    short("video caption", str(prompt["video_prompt"]), manifest.limits.prompt_words or 0)
    short("audio caption", inputs.prompt.audio_caption, AMBIENT_WORDS)
    height, width = nearest(inputs.image.height, inputs.image.width)
    stretched = inputs.image.height * width != inputs.image.width * height
    return Job(
        arguments={
            "prompt": prompt,  # type: ignore[dict-item]  # The renderer's texts are JSON.
            "height": height,
            "width": width,
            "frames": manifest.limits.frames.nearest(inputs.seconds, manifest.fps),
            "steps": steps,
            "video_guidance": guidance,
            "audio_guidance": float(options["audio_guidance"]),
        },
        frames=manifest.limits.frames.nearest(inputs.seconds, manifest.fps),
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # With and without the prompt at every step, in one batch.
        function_evals=2 * steps,
        note=f"upstream stretches the image of {inputs.image.width}x{inputs.image.height}" if stretched else "",
    )


def nearest(height: int, width: int) -> tuple[int, int]:
    """Returns the (height, width) of nearest aspect ratio to an image; of two equally near, the first."""
    return min(SIZES, key=lambda size: abs(size[0] / size[1] - height / width))
