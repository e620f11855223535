"""Plans LongCat-Video-Avatar 1.5 for a prompt: as many pieces as cover its sound, in the shape nearest to the image's.

Facts from run_demo_avatar_single_audio_to_video.py and longcat_video/utils/bukcet_config.py @6b3f4b8.
"""

from __future__ import annotations

from collections.abc import Mapping

from jova_baselines.external.inputs import ModelInput
from jova_baselines.external.job import Job
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.render import text
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest

STEPS = 8
"""Steps of the distilled model, which upstream's script does not let change."""
SHAPES: Mapping[str, tuple[tuple[float, int, int], ...]] = {
    "480p": (
        (0.26, 320, 1216), (0.31, 352, 1120), (0.38, 384, 1024), (0.43, 416, 960), (0.52, 448, 864),
        (0.58, 480, 832), (0.67, 512, 768), (0.74, 544, 736), (0.86, 576, 672), (0.95, 608, 640),
        (1.05, 640, 608), (1.17, 672, 576), (1.29, 704, 544), (1.35, 736, 544), (1.50, 768, 512),
        (1.67, 800, 480), (1.73, 832, 480), (2.00, 896, 448), (2.31, 960, 416), (2.58, 992, 384),
        (2.75, 1056, 384), (3.09, 1088, 352), (3.70, 1184, 320), (3.80, 1216, 320), (3.90, 1248, 320),
        (4.00, 1280, 320),
    ),
    "720p": (
        (0.25, 480, 1920), (0.29, 512, 1792), (0.32, 544, 1696), (0.36, 576, 1600), (0.40, 608, 1504),
        (0.49, 672, 1376), (0.54, 704, 1312), (0.59, 736, 1248), (0.69, 800, 1152), (0.74, 832, 1120),
        (0.82, 864, 1056), (0.88, 896, 1024), (0.94, 928, 992), (1.00, 960, 960), (1.07, 992, 928),
        (1.14, 1024, 896), (1.22, 1056, 864), (1.31, 1088, 832), (1.35, 1120, 832), (1.44, 1152, 800),
        (1.70, 1248, 736), (2.00, 1344, 672), (2.05, 1376, 672), (2.47, 1504, 608), (2.53, 1536, 608),
        (2.83, 1632, 576), (3.06, 1664, 544), (3.12, 1696, 544), (3.62, 1856, 512), (3.93, 1888, 480),
        (4.00, 1920, 480),
    ),
}  # fmt: skip
"""Shapes by resolution: height by width as upstream compares it, rounded, then height and width in pixels."""


def plan(inputs: ModelInput, manifest: Manifest, options: Options) -> Job:
    """Returns the job of LongCat-Video-Avatar for a prompt. Raises BenchError if an option is not supported."""
    resolution, limits = str(options["resolution"]), manifest.limits.frames
    if resolution not in SHAPES:
        wanted = suggest(resolution, SHAPES)
        raise BenchError(f"expected a resolution of LongCat-Video-Avatar, got {shown(resolution)}; {wanted}")
    assert inputs.image is not None
    assert inputs.audio is not None
    made = limits.covering(inputs.audio.seconds, manifest.fps)
    pieces = (made - limits.offset) // limits.step
    # Upstream ends the video with its sound.
    frames = min(made, inputs.audio.frames(manifest.fps))
    height, width = nearest(inputs.image.height, inputs.image.width, resolution)
    return Job(
        arguments={
            "prompt": text(manifest.renderer, inputs.prompt, manifest.limits.prompt_words),
            "pieces": pieces,
            "frames": frames,
            "resolution": resolution,
            "ref_img_index": int(options["ref_img_index"]),
            "mask_frame_range": int(options["mask_frame_range"]),
        },
        frames=frames,
        fps=manifest.fps,
        height=height,
        width=width,
        sample_rate_hz=manifest.produces.sample_rate_hz,
        # Without guidance; every piece but the first begins with a pass over what it continues.
        function_evals=STEPS * pieces + pieces - 1,
        # Upstream looks for the voices of the whole sound; a second more is more than the last frames read ahead.
        heard_s=float(made / manifest.fps) + 1,
        note="; ".join(filter(None, [inputs.audio.cut(frames / manifest.fps), inputs.image.cut(height, width)])),
    )


def nearest(height: int, width: int, resolution: str) -> tuple[int, int]:
    """Returns the (height, width) of nearest aspect ratio to an image; of two equally near, the first."""
    _, *size = min(SHAPES[resolution], key=lambda shape: abs(shape[0] - height / width))
    return size[0], size[1]
