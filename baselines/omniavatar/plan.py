"""Plans OmniAvatar for a prompt: one of a few sizes, and as many windows as cover the driving audio.

Upstream prepends silence to the audio and generates the reference image first, then a frame for each 1/25 s
(scripts/inference.py @1536bf3). The image and the silence are cut off, so that the video begins with its audio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from jova_baselines.external.inputs import ModelInput, ReferenceImage
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

VARIANTS = ("14B", "1.3B")
SIZES: Mapping[int, tuple[tuple[int, int], ...]] = {
    720: ((400, 720), (720, 720), (720, 400)),
    1280: ((720, 720), (528, 960), (960, 528), (720, 1280), (1280, 720)),
}
"""(height, width) by the option `max_hw` (configs/inference.yaml)."""
TOKEN = 16 * 16 * 4
"""Pixels of a token: 16 x 16 in four frames."""
RATE_HZ = 16_000
"""Sample rate of the audio that upstream counts frames of."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of OmniAvatar for a prompt. Raises BenchError if the prompt or an option is not supported."""
    _checked(options)
    assert inputs.image is not None
    assert inputs.audio is not None
    limits, silence = manifest.limits.frames, int(options["silence_frames"])
    frames = inputs.audio.frames(manifest.fps)
    if not limits.least <= frames <= limits.most:
        most = f"{limits.least} to {limits.most} frames at {manifest.fps} per second"
        raise BenchError(f"expected driving sound of {most}, got {inputs.audio.seconds:g} s")
    size = matched(inputs.image.height, inputs.image.width, SIZES[int(options["max_hw"])])
    overlap, length = int(options["overlap"]), window(int(options["max_tokens"]), *size)
    if length <= overlap:
        raise BenchError(f"expected max_tokens for windows of over {overlap} frames, got {length} of {size}")
    steps, guidance, of_sound = (options[name] for name in ("steps", "guidance", "audio_guidance"))
    samples = math.ceil(inputs.audio.seconds * RATE_HZ) + int(silence / manifest.fps * RATE_HZ)
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "negative_prompt": str(options["negative_prompt"]),
            "silence_s": float(silence / manifest.fps),
            # After the reference image and the silence.
            "first": 1 + silence,
            "frames": frames,
            "overlap": overlap,
            "steps": int(steps),
            "guidance": float(guidance),
            "audio_guidance": float(of_sound),
        },
        frames=frames,
        fps=manifest.fps,
        height=size[0],
        width=size[1],
        sample_rate_hz=manifest.produces.sample_rate_hz,
        function_evals=passes(float(guidance), float(of_sound)) * int(steps) * windows(heard(samples), length, overlap),
        note=cut(inputs.image, *size),
    )


def matched(height: int, width: int, sizes: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """Returns (height, width) of the nearest shape; of two equally near with one longest side, the later."""
    apart = [abs(tall / wide - height / width) for tall, wide in sizes]
    first = apart.index(min(apart))
    longest = abs(max(sizes[first]) - max(height, width))
    same = [
        k for k, size in enumerate(sizes) if apart[k] == apart[first] and abs(max(size) - max(height, width)) == longest
    ]
    return sizes[same[-1]]


def heard(samples: int) -> int:
    """Returns the upstream's number of frames for audio, in its own arithmetic: one more than fit at some lengths."""
    return math.ceil(samples / RATE_HZ * 25)


def window(tokens: int, height: int, width: int) -> int:
    """Returns the number of frames that go through the network together: 4 n + 1."""
    frames = int(tokens * TOKEN / height / width)
    return frames // 4 * 4 + 1 if frames % 4 else frames - 3


def windows(frames: int, length: int, overlap: int) -> int:
    """Returns how many windows cover the audio: the first begins with the image, others with an overlap."""
    return 1 + math.ceil(max(0, frames - (length - 1)) / (length - overlap))


def passes(guidance: float, of_sound: float) -> int:
    """Returns forward passes a step: with all, with neither, and with text alone where the audio is guided apart."""
    if guidance == 1:
        return 1
    return 2 if of_sound == guidance else 3


def cut(image: ReferenceImage, height: int, width: int) -> str:
    """Returns a note on the part of the image that is outside the video, else an empty string."""
    scale = max(height / image.height, width / image.width)
    lost = 1 - min(height / (image.height * scale), width / (image.width * scale))
    return f"upstream cuts off {lost:.0%} of the image" if lost > 0.005 else ""


def _checked(options: Options) -> None:
    """Raises BenchError for a value that upstream does not know."""
    variant, side, overlap = str(options["variant"]), int(options["max_hw"]), int(options["overlap"])
    if variant not in VARIANTS:
        raise BenchError(f"expected a variant of OmniAvatar, got {shown(variant)}; {suggest(variant, VARIANTS)}")
    if side not in SIZES:
        raise BenchError(f"expected max_hw of {' or '.join(map(str, SIZES))}, got {side}")
    if overlap < 1 or overlap % 4 != 1:
        raise BenchError(f"expected overlap of n * 4 + 1 frames, got {overlap}")
    for name, least in (("steps", 1), ("silence_frames", 0)):
        if int(options[name]) < least:
            raise BenchError(f"expected {name} of at least {least}, got {options[name]}")
