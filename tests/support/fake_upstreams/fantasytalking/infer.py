"""Stands for Fantasy-AMAP/fantasy-talking: the two functions of its script, its lengths, size and names of files."""

import argparse
from fractions import Fraction
from pathlib import Path

import acts
import av
import numpy as np
from PIL import Image

from jova_bench.media import files as media


class Pipeline:
    def __call__(self, prompt, height=480, width=832, num_frames=81, seed=None, **others):
        acts.note("pipe", seed=seed, frames=num_frames, height=height, width=width)
        acts.act(prompt)
        if "[nothing]" in prompt:
            return []
        height, width = (-(-side // 16) * 16 for side in (height, width))
        return [Image.fromarray(one) for one in acts.picture(prompt, seed, num_frames, height, width)]


def load_models(args):
    acts.note("load", persistent=args.num_persistent_param_in_dit)
    for path in (args.wan_model_dir, args.wav2vec_model_dir, args.fantasytalking_model_path):
        if not Path(path).exists():
            raise FileNotFoundError(path)
    return Pipeline(), "fantasytalking", "processor", "wav2vec"


def main(args, pipe, fantasytalking, wav2vec_processor, wav2vec):
    assert (fantasytalking, wav2vec_processor, wav2vec) == ("fantasytalking", "processor", "wav2vec")
    told = {"prompt_guidance": args.prompt_cfg_scale, "audio_guidance": args.audio_cfg_scale}
    acts.note("main", prompt=args.prompt, audio_scale=args.audio_scale, folder=args.output_dir, **told)
    with av.open(args.audio_path) as sound:
        seconds = sound.duration / 1e6
    frames = min(int(args.fps * seconds // 4) * 4 + 5, args.max_num_frames)
    with Image.open(args.image_path) as image:
        scale = args.image_size / max(image.size)
        width, height = (int(side * scale) for side in image.size)
    made = pipe(prompt=args.prompt, width=width, height=height, num_frames=frames, seed=args.seed)
    # Named by the second: all samples of one second have one name.
    name = f"{Path(args.image_path).stem}_{Path(args.audio_path).stem}_20250101_000000.mp4"
    if made:
        shown, voice = np.stack(made)[: int(seconds * args.fps)], media.read(Path(args.audio_path))
        media.write(Path(args.output_dir, f"tmp_{name}"), np.stack(made), Fraction(args.fps), None, 0)
        if "[mux]" in args.prompt:
            raise RuntimeError("ffmpeg returned non-zero exit status 1")
        rate = voice.sample_rate_hz
        media.write(Path(args.output_dir, name), shown, Fraction(args.fps), voice.audio, rate)
        Path(args.output_dir, f"tmp_{name}").unlink()
    return str(Path(args.output_dir, name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for flag in (
        "wan_model_dir",
        "fantasytalking_model_path",
        "wav2vec_model_dir",
        "image_path",
        "audio_path",
        "prompt",
    ):
        parser.add_argument(f"--{flag}", default="upstream's example")
    for flag in ("audio_scale", "prompt_cfg_scale", "audio_cfg_scale"):
        parser.add_argument(f"--{flag}", type=float)
    for flag in ("image_size", "max_num_frames", "fps", "num_persistent_param_in_dit", "seed"):
        parser.add_argument(f"--{flag}", type=int)
    parser.add_argument("--output_dir")
    given = parser.parse_args()
    main(given, *load_models(given))
