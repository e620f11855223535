"""Plans InfiniteTalk for a prompt: as many clips as cover its sound, in the shape nearest to the image's.

Facts from generate_infinitetalk.py, wan/multitalk.py and wan/utils/multitalk_utils.py @0107cd9.
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

SHAPES: Mapping[str, tuple[tuple[float, int, int], ...]] = {
    "infinitetalk-480": (
        (0.26, 320, 1216), (0.38, 384, 1024), (0.50, 448, 896), (0.67, 512, 768), (0.82, 576, 704),
        (1.00, 640, 640), (1.22, 704, 576), (1.50, 768, 512), (1.86, 832, 448), (2.00, 896, 448),
        (2.50, 960, 384), (2.83, 1088, 384), (3.60, 1152, 320), (3.80, 1216, 320), (4.00, 1280, 320),
    ),
    "infinitetalk-720": (
        (0.22, 448, 2048), (0.29, 512, 1792), (0.36, 576, 1600), (0.45, 640, 1408), (0.55, 704, 1280),
        (0.63, 768, 1216), (0.76, 832, 1088), (0.88, 896, 1024), (1.00, 960, 960), (1.14, 1024, 896),
        (1.31, 1088, 832), (1.50, 1152, 768), (1.58, 1216, 768), (1.82, 1280, 704), (1.91, 1344, 704),
        (2.20, 1408, 640), (2.30, 1472, 640), (2.67, 1536, 576), (2.89, 1664, 576), (3.62, 1856, 512),
        (3.75, 1920, 512),
    ),
}  # fmt: skip
"""Shapes by size: height by width as upstream compares it, rounded, then height and width in pixels."""
SHIFTS: Mapping[str, float] = {"infinitetalk-480": 7.0, "infinitetalk-720": 11.0}
"""Shifts of the noise schedule, which upstream's script sets by the size."""
RATE_HZ = 16_000


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of InfiniteTalk for a prompt. Raises BenchError if the prompt or an option is not supported."""
    size, clip, repeated = str(options["size"]), int(options["clip_frames"]), int(options["motion_frames"])
    most, limits, guidance = int(options["max_frames"]), manifest.limits.frames, float(options["text_guidance"])
    if size not in SHAPES:
        raise BenchError(f"expected a size of InfiniteTalk, got {shown(size)}; {suggest(size, SHAPES)}")
    if clip < 5 or clip % 4 != 1:
        raise BenchError(f"expected clip_frames of n * 4 + 1 from 5, got {clip}")
    if not 0 < repeated < clip:
        raise BenchError(f"expected motion_frames from 1 to {clip - 1}, fewer than clip_frames, got {repeated}")
    if not clip < most <= limits.most:
        # With no more than one clip upstream does another thing, its mode `clip`.
        raise BenchError(f"expected max_frames from {clip + 1} to {limits.most}, got {most}")
    assert inputs.image is not None
    assert inputs.audio is not None
    heard = frames_of(inputs.audio.seconds, int(manifest.fps))
    if heard <= clip:
        least, got = (clip + 1) / manifest.fps, f"{inputs.audio.seconds:g} s"
        raise BenchError(f"expected driving sound of at least {float(least):g} s, got {got}; or set clip_frames lower")
    frames = min(heard, most)
    clips = clips_of(frames, clip, repeated)
    height, width = nearest(inputs.image.height, inputs.image.width, size)
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "size": size,
            "shift": SHIFTS[size],
            "steps": int(options["steps"]),
            "text_guidance": guidance,
            "audio_guidance": float(options["audio_guidance"]),
            "clip_frames": clip,
            "motion_frames": repeated,
            "max_frames": most,
            "color_correction": float(options["color_correction"]),
            "offload": bool(options["offload"]),
        },
        frames=frames,
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # With everything, without the text, and without the sound as well; or with everything, and without the sound.
        function_evals=(2 if math.isclose(guidance, 1.0) else 3) * int(options["steps"]) * clips,
        # Upstream's wav2vec attends from every instant of the sound to every other.
        heard_s=float((frames + 1) / manifest.fps),
        note="; ".join(filter(None, [inputs.audio.cut(frames / manifest.fps), inputs.image.cut(height, width)])),
    )


def frames_of(seconds: float, fps: int) -> int:
    """Returns the number of frames for which upstream embeds a sound of this length."""
    return int(math.ceil(seconds * RATE_HZ - 1e-6) / RATE_HZ * fps)


def clips_of(frames: int, clip: int, repeated: int) -> int:
    """Returns the number of clips that upstream makes: after the first always one more, and until they cover all."""
    return 1 + max(1, math.ceil((frames - clip) / (clip - repeated)))


def nearest(height: int, width: int, size: str) -> tuple[int, int]:
    """Returns the (height, width) of nearest aspect ratio to an image; of two equally near, the first."""
    _, *made = min(SHAPES[size], key=lambda shape: abs(shape[0] - height / width))
    return made[0], made[1]
