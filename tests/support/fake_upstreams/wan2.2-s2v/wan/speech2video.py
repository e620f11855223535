"""Stands for Wan-Video/Wan2.2: the signatures of its speech-to-video class, its lengths and its size, no network."""

from pathlib import Path

import acts
import av
import numpy as np
from PIL import Image


class Tensor(np.ndarray):
    """As much of a tensor as the worker uses: importing the real one would take most of the test's time."""

    def permute(self, *dims):
        return self.transpose(dims)


class WanS2V:
    def __init__(
        self,
        config,
        checkpoint_dir,
        device_id=0,
        rank=0,
        t5_fsdp=False,
        dit_fsdp=False,
        use_sp=False,
        t5_cpu=False,
        init_on_cpu=True,
        convert_model_dtype=False,
    ):
        acts.note("load", config=config["name"], device=device_id, convert=convert_model_dtype)
        if not (Path(checkpoint_dir) / "Wan2.1_VAE.pth").is_file():
            raise FileNotFoundError("no VAE")

    def generate(
        self,
        input_prompt,
        ref_image_path,
        audio_path,
        enable_tts,
        tts_prompt_audio,
        tts_prompt_text,
        tts_text,
        num_repeat=1,
        pose_video=None,
        max_area=720 * 1280,
        infer_frames=80,
        shift=5.0,
        sample_solver="unipc",
        sampling_steps=40,
        guide_scale=5.0,
        n_prompt="",
        seed=-1,
        offload_model=True,
        init_first_frame=False,
    ):
        asked = {"prompt": input_prompt, "clips": num_repeat, "area": max_area, "solver": sample_solver}
        told = {"steps": sampling_steps, "shift": shift, "guidance": guide_scale, "offload": offload_model}
        acts.note("generate", seed=seed, tts=enable_tts, **asked, **told)
        acts.act(input_prompt)
        with av.open(audio_path) as sound:
            seconds = sound.duration / 1e6
        clips = min(num_repeat, int(int(seconds * 50 - 0.25) / 50 * 30 / 150) + 1)
        with Image.open(ref_image_path) as image:
            assert image.mode == "RGB"
            width, height = (-(-side // 64) * 64 for side in image.size)
        if "[nothing]" in input_prompt:
            return None
        made = acts.picture(input_prompt, seed, infer_frames * clips - 3, height, width)
        scale = np.nan if "[overflow]" in input_prompt else 1 / 127.5
        return (made.transpose(3, 0, 1, 2).astype(np.float32) * np.float32(scale) - 1).view(Tensor)
