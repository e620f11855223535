"""Stands for Omni-Avatar/OmniAvatar: its command line at import, its pipeline's signature and lengths, no network."""

import math
import os
from pathlib import Path

import acts
import numpy as np
from OmniAvatar.utils.args_config import parse_args

args = parse_args()

from OmniAvatar.utils.audio_preprocess import add_silence_to_audio_ffmpeg  # noqa: E402, F401
from PIL import Image  # noqa: E402

from jova_bench.media import files as media  # noqa: E402


class Tensor(np.ndarray):
    """As much of a tensor as the worker uses: importing the real one would take most of the test's time."""

    def permute(self, *dims):
        return self.transpose(dims)


class WanInferencePipeline:
    def __init__(self, args):
        group = {name: os.environ[name] for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")}
        told = {"persistent": args.num_persistent_param_in_dit, "tokens": args.max_tokens, "side": args.max_hw}
        acts.note("load", group=group, networks=len(args.dit_path.split(",")), **told)
        for path in (*args.dit_path.split(","), args.text_encoder_path, args.vae_path, args.wav2vec_path):
            if not Path(path).exists():
                raise FileNotFoundError(path)
        self.args = args

    def forward(
        self,
        prompt,
        image_path=None,
        audio_path=None,
        seq_len=101,
        height=720,
        width=720,
        overlap_frame=None,
        num_steps=None,
        negative_prompt=None,
        guidance_scale=None,
        audio_scale=None,
    ):
        told = {"steps": num_steps, "guidance": guidance_scale, "sound": audio_scale, "overlap": overlap_frame}
        sound = media.read(Path(audio_path))
        quiet = int(np.flatnonzero(sound.audio[0])[0])
        acts.note("forward", prompt=prompt, negative=negative_prompt, quiet_s=quiet / sound.sample_rate_hz, **told)
        acts.act(prompt)
        with Image.open(image_path) as image:
            assert image.mode == "RGB"
            shape = image.height / image.width
        height, width = min(self.args.image_sizes_720, key=lambda size: abs(size[0] / size[1] - shape))
        frames = math.ceil(sound.audio.shape[1] / sound.sample_rate_hz * 25) + 1
        made = acts.picture(prompt, np.random.randint(8), frames, height, width)
        scale = np.nan if "[overflow]" in prompt else 1 / 255
        return (made.transpose(0, 3, 1, 2)[None].astype(np.float32) * np.float32(scale)).view(Tensor)
