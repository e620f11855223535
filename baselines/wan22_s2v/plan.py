"""Plans Wan2.2-S2V for a prompt: how many clips of 80 frames cover its sound, and in which size.

The size is the image's where its area allows, in multiples of 64 (wan/speech2video.py @42bf4cf).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from jova_baselines.external.inputs import ModelInput, ReferenceImage
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

CLIP = 80
"""Frames per clip."""
AREAS: Mapping[str, int] = {
    name: math.prod(int(side) for side in name.split("*"))
    for name in ("720*1280", "1280*720", "480*832", "832*480", "704*1280", "1280*704", "1024*704", "704*1024")
}
SOLVERS = ("unipc", "dpm++")
SIDE = 64
SHRINKS = 100
"""Scales that upstream tries, from the largest down."""
SAMPLE_RATE_HZ = 16_000
RECEPTIVE, HOP = 400, 320
"""Window and hop of wav2vec 2.0 in samples: 25 ms, 50 per second."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of Wan2.2-S2V for a prompt. Raises BenchError if the prompt or an option is not supported."""
    size, solver = str(options["size"]), str(options["solver"])
    if size not in AREAS:
        raise BenchError(f"expected a size of Wan2.2-S2V, got {shown(size)}; {suggest(size, AREAS)}")
    if solver not in SOLVERS:
        raise BenchError(f"expected a solver of Wan2.2-S2V, got {shown(solver)}; {suggest(solver, SOLVERS)}")
    assert inputs.image is not None
    assert inputs.audio is not None
    most = clips_of(inputs.audio.seconds)
    if most < 1:
        raise BenchError(f"expected driving sound of at least 0.05 s, got {inputs.audio.seconds:g} s")
    wanted = manifest.limits.frames.covering(inputs.audio.seconds - float(options["may_lose_s"]), manifest.fps)
    clips = min((wanted + 3) // CLIP, most)
    frames = min(clips * CLIP - 3, inputs.audio.frames(manifest.fps))
    height, width = fitted(inputs.image.height, inputs.image.width, AREAS[size])
    guided = float(options["guidance"]) > 1
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "clips": clips,
            "frames": frames,
            "area": AREAS[size],
            "steps": int(options["steps"]),
            "solver": solver,
            "shift": float(options["shift"]),
            "guidance": float(options["guidance"]),
            "offload": bool(options["offload"]),
        },
        frames=frames,
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        function_evals=(2 if guided else 1) * int(options["steps"]) * clips,
        note="; ".join(filter(None, [inputs.audio.cut(frames / manifest.fps), bars(inputs.image, height, width)])),
    )


def clips_of(seconds: float) -> int:
    """Returns the largest number of clips for audio; 0 if it is too short (wan/modules/s2v/audio_encoder.py).

    It reads the sound in 50 windows a second, interpolates them to 30, and begins another clip when 150 are full.
    """
    windows = (math.ceil(seconds * SAMPLE_RATE_HZ - 1e-6) - RECEPTIVE) // HOP + 1
    features = int(max(windows, 0) / 50.0 * 30)
    return int(features / (CLIP * 30 / 16)) + 1 if features else 0


def fitted(height: int, width: int, area: int) -> tuple[int, int]:
    """Returns (height, width) of the video for an image: its own, or scaled down, padded to multiples of 64.

    Raises:
        BenchError: the image is too narrow for any.
    """
    for scale in _scales(height, width, area):
        rows, columns = (math.ceil(int(side * scale) / SIDE) * SIDE for side in (height, width))
        if 0 < rows * columns <= area:
            return rows, columns
    raise BenchError(f"expected an image that fits {area} pixels in sides of multiples of {SIDE}, got {width}x{height}")


def _scales(height: int, width: int, area: int) -> Iterator[float]:
    """Yields scales of the size, from one that uses every pixel of the area to one that surely fits."""
    least, most = 0.1, 1.0
    if height * width > area:
        a, b, c = height * width, (SIDE - 1) * (height + width), (SIDE - 1) ** 2 - area
        # Of the quadratic equation for the most filling; the 2 under the root stands so upstream.
        least, most = (-b + math.sqrt(b**2 - 2 * a * c)) / (2 * a), math.sqrt(area / (height * width))
    return (most - (most - least) * k / SHRINKS for k in range(SHRINKS))


def bars(image: ReferenceImage, height: int, width: int) -> str:
    """Returns a note if the upstream pads the image with black bars: it scales by the shorter side, then pads."""
    short, longer = sorted((image.height, image.width))
    missing = max(height, width) - int(min(height, width) * longer / short)
    return f"upstream fills the image with {missing} black pixels along its longer side" if missing > 0 else ""
