"""Generates a talking clip from a prompt: noise -> latents -> frames and audio.

python -m jova.sample --video-caption "..." --audio-caption "..." --transcript "..." --out clip.mp4

With --edit it makes a part of a given clip instead: `jova.editing`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from jova.codecs.base import WEIGHTS
from jova.flags import add_sample_flags, check_edit_flags, check_out
from jova.pipeline import Frames, JovaPipeline
from jova.text import Prompt


def read_image(path: Path, size: tuple[int, int]) -> Frames:
    """Reads the first frame of an image or video file: its central part of the aspect of `size` (H, W), at that size.

    Returns:
        (H, W, 3) RGB.
    """
    from jova.data.fitting import fit
    from jova.data.opening import opened

    with opened(path, "a picture") as container:
        return fit(next(container.decode(video=0)), size)


def run(arguments: argparse.Namespace) -> Path:
    """Generates or edits one clip as the flags of `add_sample_flags` say; returns the file that it wrote.

    Raises:
        ValueError, OSError: weights, a file, the prompt or flags cannot be used.
    """
    from jova.data.folder import write_clip
    from jova.editing import edit
    from jova.editing_files import read_edit

    check_edit_flags(arguments)
    check_out(arguments)
    pipeline = JovaPipeline.from_pretrained(arguments.weights or WEIGHTS, arguments.device)
    clock = pipeline.config.timeline
    image = read_image(arguments.image, pipeline.config.picture_size) if arguments.image else None
    prompt = Prompt(arguments.video_caption, arguments.audio_caption, arguments.transcript)
    how = {name: getattr(arguments, name) for name in ("steps", "guidance", "sampler", "precision")}
    if arguments.edit:
        clips = edit(pipeline, [read_edit(arguments, pipeline.config, prompt, image)], [arguments.seed], **how)
    else:
        clips = pipeline.sample([prompt], [arguments.seed], [image], **how)
    out: Path = arguments.out
    write_clip(out, clips.frames[0], clips.audio[0], clock.fps, clock.sample_rate_hz)
    return out


def main() -> None:
    """Runs `python -m jova.sample`."""
    parser = argparse.ArgumentParser(prog="python -m jova.sample", description="Generate one talking clip.")
    add_sample_flags(parser)
    try:
        print(run(parser.parse_args()))
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
