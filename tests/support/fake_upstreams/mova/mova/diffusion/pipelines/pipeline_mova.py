"""The pipeline: the signature of upstream's, which ignores its seed, and noise of the global generator, as there."""

from pathlib import Path

import acts
import torch
import torch.distributed as dist
from PIL import Image


class MOVA:
    audio_sample_rate = 48_000

    @classmethod
    def from_pretrained(cls, folder, torch_dtype):
        assert (Path(folder) / "model_index.json").is_file()
        acts.note("load", folder=Path(folder).name, dtype=str(torch_dtype))
        return cls()

    def enable_model_cpu_offload(self, gpu_id=None, device="cuda"):
        acts.note("offload", gpu=gpu_id)

    def enable_group_offload(self, onload_device, **how):
        acts.note("offload", onto=str(onload_device), how=how["offload_type"])

    def to(self, device):
        acts.note("to", device=str(device))

    def __call__(
        self,
        prompt,
        image,
        negative_prompt="",
        seed=42,
        height=360,
        width=640,
        num_frames=193,
        video_fps=24.0,
        visual_shift=5.0,
        audio_shift=5.0,
        num_inference_steps=50,
        sigma_shift=5.0,
        cfg_scale=5.0,
        cp_mesh=None,
        remove_video_dit=False,
    ):
        assert dist.get_rank() == 0
        told = {"frames": num_frames, "fps": video_fps, "steps": num_inference_steps, "guidance": cfg_scale}
        acts.note("pipe", prompt=prompt, negative=negative_prompt[:4], image=[image.mode, *image.size], **told)
        acts.act(prompt)
        noise = int(torch.randint(8, (1,)))
        frames = acts.picture(prompt, noise, num_frames, height, width)
        samples = num_frames * self.audio_sample_rate // 24
        # Whole latents of 960 samples.
        sound = acts.tone(prompt, noise, -(-samples // 960) * 960, self.audio_sample_rate)
        return [[Image.fromarray(one) for one in frames]], torch.from_numpy(sound)[None, None]
