"""The pipeline: upstream's signature, lengths and dangers, with orders in the name of the film instead of a prompt."""

import re
import shutil
from pathlib import Path

import acts
import numpy as np
import torch

from jova_bench.media import files as media


class LipsyncPipeline:
    def __init__(self, vae, audio_encoder, unet, scheduler):
        acts.note("load", scale=vae.config.scaling_factor, shift=vae.config.shift_factor)

    def to(self, device):
        return self

    def restore_video(self, faces, video_frames, boxes, affine_matrices):
        made = video_frames[: len(faces)].copy()
        made[:, -8:] = faces[:, None, None, None]
        return made

    def __call__(
        self,
        video_path,
        audio_path,
        video_out_path,
        num_frames=16,
        video_fps=25,
        audio_sample_rate=16000,
        height=None,
        width=None,
        num_inference_steps=20,
        guidance_scale=1.5,
        weight_dtype=torch.float16,
        eta=0.0,
        mask_image_path="latentsync/utils/mask.png",
        temp_dir="temp",
        generator=None,
        callback=None,
        callback_steps=1,
        **kwargs,
    ):
        paths = (video_path, audio_path, video_out_path, temp_dir)
        # Anything else would be read by a shell.
        assert all(re.fullmatch(r"[\w.]+", path) for path in paths)
        assert not kwargs
        told = {"steps": num_inference_steps, "guidance": guidance_scale, "size": [height, width], "part": num_frames}
        acts.note("pipe", here=str(Path.cwd()), mask=Path(mask_image_path).read_text(), **told)
        if not Path("checkpoints/auxiliary/models/buffalo_l/det_10g.onnx").is_file():
            raise RuntimeError("would be fetched from the network")
        shutil.rmtree("temp", ignore_errors=True)
        Path("temp").mkdir()
        orders = Path(video_path).resolve().stem
        acts.act(orders)
        if "[no face]" in orders:
            raise RuntimeError("Face not detected")
        if "[nothing]" in orders:
            return
        film, sound = media.read(Path(video_path)).frames, media.read(Path(audio_path))
        count = sound.audio.shape[1] * audio_sample_rate // sound.sample_rate_hz // 640 + 2
        there_and_back = np.concatenate([film, film[::-1]])
        frames = np.concatenate([there_and_back] * (count // len(there_and_back) + 1))[:count]
        faces = torch.randint(256, (1,)).numpy().astype(np.uint8) + np.arange(count, dtype=np.uint8)
        made = self.restore_video(faces, frames, [], [])
        shutil.rmtree(temp_dir, ignore_errors=True)
        Path(temp_dir).mkdir()
        # The last command writes nothing, which upstream does not notice.
        acts.note("made", frames=len(made))
