"""Stands for MeiGen-AI/InfiniteTalk: the signatures of its pipeline and its clips, in the image's own size."""

from pathlib import Path

import acts
import numpy as np
from PIL import Image


class Tensor(np.ndarray):
    """As much of a tensor as the worker uses."""

    def permute(self, *dims):
        return self.transpose(dims)


class InfiniteTalkPipeline:
    def __init__(
        self,
        config,
        checkpoint_dir,
        quant_dir=None,
        device_id=0,
        rank=0,
        t5_fsdp=False,
        dit_fsdp=False,
        use_usp=False,
        t5_cpu=False,
        init_on_cpu=True,
        num_timesteps=1000,
        use_timestep_transform=True,
        lora_dir=None,
        lora_scales=None,
        quant=None,
        dit_path=None,
        infinitetalk_dir=None,
    ):
        acts.note("load", config=config["name"], device=device_id)
        self.vram_management = False
        for path in (Path(checkpoint_dir) / "Wan2.1_VAE.pth", Path(infinitetalk_dir)):
            if not path.is_file():
                raise FileNotFoundError(path)

    def enable_vram_management(self, num_persistent_param_in_dit=None):
        acts.note("persistent", number=num_persistent_param_in_dit, managed=self.vram_management)

    def generate_infinitetalk(
        self,
        input_data,
        size_buckget="infinitetalk-480",
        motion_frame=25,
        frame_num=81,
        shift=5.0,
        sampling_steps=40,
        text_guide_scale=5.0,
        audio_guide_scale=4.0,
        n_prompt="",
        seed=-1,
        offload_model=True,
        max_frames_num=1000,
        face_scale=0.05,
        progress=True,
        color_correction_strength=0.0,
        extra_args=None,
    ):
        assert not extra_args.use_teacache
        assert not extra_args.use_apg
        (path,) = input_data["cond_audio"].values()
        with Path(path).open("rb") as file:
            heard = len(np.load(file))
        prompt = input_data["prompt"]
        with Image.open(input_data["cond_video"]) as image:
            mode, (width, height) = image.mode, image.size
        told = {"size": size_buckget, "shift": shift, "steps": sampling_steps, "seed": seed, "offload": offload_model}
        told |= {"clip": [frame_num, motion_frame, max_frames_num], "guidance": [text_guide_scale, audio_guide_scale]}
        acts.note("generate", prompt=prompt, image=mode, heard=heard, color=color_correction_strength, **told)
        acts.act(prompt)
        np.random.seed(seed)
        assert heard > frame_num, "length not satisfies frame nums"
        if "[nothing]" in prompt:
            return None
        made, whole = frame_num, False
        begin = 0
        while not whole:
            begin += frame_num - motion_frame
            whole = begin + frame_num >= min(max_frames_num, heard)
            made += frame_num - motion_frame
        film = acts.picture(prompt, seed, made, height, width)[:max_frames_num][:heard]
        return (film.transpose(3, 0, 1, 2).astype(np.float32) / np.float32(127.5) - 1).view(Tensor)
