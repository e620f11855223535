"""Stands for Fantasy-AMAP/fantasy-talking: the two functions of its script, its lengths, size and names of files."""

from pathlib import Path

import acts
import av
from PIL import Image


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
    pipe(prompt=args.prompt, width=width, height=height, num_frames=frames, seed=args.seed, num_inference_steps=30)
    # Named by the second: all samples of one second have one name.
    path = Path(args.output_dir, f"{Path(args.image_path).stem}_{Path(args.audio_path).stem}_20250101_000000.mp4")
    path.write_bytes(b"a film that was encoded twice")
    return str(path)
