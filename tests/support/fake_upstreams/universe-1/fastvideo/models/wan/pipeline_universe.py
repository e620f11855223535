"""The pipeline: the signature of upstream's, notes of what it is given, a square and a pitch for the seed."""

from pathlib import Path
from types import SimpleNamespace

import acts
import torch


class UniVersePipeline:
    @classmethod
    def from_pretrained(cls, folder, transformer, scheduler, torch_dtype):
        acts.note("load", dtype=str(torch_dtype))
        assert (Path(folder) / "model_index.json").is_file()
        pipe = cls()
        pipe.transformer, pipe.scheduler = transformer, scheduler
        return pipe

    def set_mel_scheduler(self, scheduler_mel):
        assert scheduler_mel is not self.scheduler

    def enable_model_cpu_offload(self, gpu_id=None, device="cuda"):
        acts.note("offload", gpu=gpu_id)

    def to(self, device):
        acts.note("to", device=device)

    def __call__(
        self,
        ref_img,
        text_ut5=None,
        text_ut5_neg=None,
        ambient=None,
        ambient_mask=None,
        speech_token=None,
        height=480,
        width=832,
        num_frames=81,
        num_inference_steps=50,
        guidance_scale=5.0,
        guidance_scale_vid=5.0,
        guidance_scale_aud=5.0,
        num_videos_per_prompt=1,
        generator=None,
        latents=None,
        prompt_embeds=None,
        negative_prompt_embeds=None,
        output_type="np",
        return_dict=True,
        attention_kwargs=None,
        callback_on_step_end=None,
        callback_on_step_end_tensor_inputs=["latents"],  # noqa: B006  upstream's
        max_sequence_length=512,
        save=False,
        save_dir=".",
    ):
        seed = generator.initial_seed()
        acts.note(
            "pipe",
            image=[ref_img.mode, *ref_img.size],
            text=[list(text_ut5.shape), int((text_ut5[0, :, 0] != 0).sum())],
            negative=int((text_ut5_neg[0, :, 0] != 0).sum()),
            ambient=list(ambient.shape),
            mask=list(ambient_mask.shape),
            speech=speech_token.tolist(),
            steps=num_inference_steps,
            guidance=[guidance_scale_vid, guidance_scale_aud],
            seed=seed,
        )
        video = acts.picture("", seed, num_frames, height, width)[None] / 255
        return SimpleNamespace(frames=video, mels=torch.full((1, 1), float(seed), dtype=torch.bfloat16))
