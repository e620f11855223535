from types import SimpleNamespace

import acts
import numpy as np
import torch
from PIL import Image


class MagiEvaluator:
    def __init__(self, model, sr_model, config, device="cuda", weight_dtype=None):
        self.sr_model, self.fps = sr_model, config.fps
        self.audio_vae = SimpleNamespace(sample_rate=44_100)

    def evaluate(
        self,
        prompt,
        image,
        audio_path,
        seconds,
        br_width,
        br_height,
        sr_width,
        sr_height,
        br_num_inference_steps,
        sr_num_inference_steps,
    ):
        steps, shape = [br_num_inference_steps, sr_num_inference_steps], None
        if image is not None:
            with Image.open(image) as opened:
                shape = [opened.mode, *opened.size]
        told = {"first": [br_width, br_height], "image": shape, "sound": audio_path}
        acts.note("evaluate", prompt=prompt, seconds=seconds, steps=steps, seed=torch.noise, **told)
        acts.act(prompt)
        width, height = (sr_width, sr_height) if self.sr_model else (br_width, br_height)
        frames = acts.picture(prompt, torch.noise, seconds * self.fps // 4 * 4 + 1, height, width)
        left = acts.tone(prompt, torch.noise, int((seconds * self.fps + 1) * 2048 * 441 / 512), 44_100)
        return frames, np.stack([left, -left], axis=1)
