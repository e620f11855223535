"""Stands for Tencent-Hunyuan/HunyuanVideo-Foley: the signature of its script's function and its lengths."""

from pathlib import Path

import acts
import numpy as np

from jova_bench.media import files as media


def infer(video_path, prompt, model_dict, cfg, guidance_scale=4.5, num_inference_steps=50, neg_prompt=None):
    told = {"steps": num_inference_steps, "guidance": guidance_scale, "negative": neg_prompt}
    acts.note("infer", prompt=prompt, networks=model_dict, **told)
    acts.act(prompt)
    film = media.read(Path(video_path))
    read, wanted = 0, 0.0
    for k in range(len(film.frames)):
        while float(k / film.fps) >= wanted:
            read, wanted = read + 1, wanted + 1 / 25
    latents = int(read / 25 * cfg["model_config"]["model_kwargs"]["audio_frame_rate"])
    assert read >= 16
    return acts.tone(prompt, np.random.randint(8), latents * 960, 48_000)[None], 48_000
