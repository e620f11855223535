"""Stands for character-ai/Ovi: the signatures of its engine, a tenth of its length and none of its networks."""

import logging
import traceback
from pathlib import Path

import acts
from omegaconf import OmegaConf

DEFAULT_CONFIG = OmegaConf.load("ovi/configs/inference/inference_fusion.yaml")

FILES = {"720x720_5s": "model.safetensors", "960x960_5s": "model_960x960.safetensors"}


class OviFusionEngine:
    def __init__(self, config=DEFAULT_CONFIG, device=0, target_dtype=None):
        acts.note("load", device=device, config=dict(config))
        print("loading")
        if not (Path(config.ckpt_dir) / "Ovi" / FILES[config["model_name"]]).is_file():
            raise RuntimeError("no fusion checkpoint")

    def generate(
        self,
        text_prompt,
        image_path=None,
        video_frame_height_width=None,
        seed=100,
        solver_name="unipc",
        sample_steps=50,
        shift=5.0,
        video_guidance_scale=5.0,
        audio_guidance_scale=4.0,
        slg_layer=9,
        video_negative_prompt="",
        audio_negative_prompt="",
    ):
        acts.note("generate", text_prompt=text_prompt, image_path=image_path, seed=seed, steps=sample_steps)
        try:
            acts.act(text_prompt)
            height, width = video_frame_height_width
            frames = acts.picture(text_prompt, seed, 25, height, width).transpose(3, 0, 1, 2) / 127.5 - 1
            audio = acts.tone(text_prompt, seed, 16_667, 16_000)
        except Exception:
            logging.error(traceback.format_exc())
            return None
        return frames, audio, None
