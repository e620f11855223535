"""Runs LatentSync in its own environment, through the pipeline that its scripts/inference.py drives (@a229c39).

Upstream empties the folder `temp` where it stands, finds the face detector there under `checkpoints`, and hands paths
to a shell as they are. So for each sample it stands in a folder of its own, with links of plain names. What is made is
what the script makes with the same seed before it encodes it, on a CPU bit for bit.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

CONFIG = "configs/unet/stage2_512.yaml"


class Kept:
    """The pipeline's function that pastes the faces into the film, with what it made last.

    Upstream then encodes that twice and ignores whether it could.
    """

    def __init__(self, function):
        self.function, self.frames = function, None

    def __call__(self, *arguments):
        """Runs the function and keeps its frames."""
        self.frames = self.function(*arguments)
        return self.frames


def load(weights, device, options):
    """Loads the pipeline with its weights; returns it with the arguments that every sample needs."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler
    from latentsync.models.unet import UNet3DConditionModel
    from latentsync.pipelines.lipsync_pipeline import LipsyncPipeline
    from latentsync.whisper.audio2feature import Audio2Feature
    from omegaconf import OmegaConf

    config = OmegaConf.load(CONFIG)
    half = torch.cuda.is_available() and torch.cuda.get_device_capability()[0] > 7
    precision = torch.float16 if half else torch.float32
    vae = AutoencoderKL.from_pretrained(f"{weights}/sd-vae-ft-mse", torch_dtype=precision)
    vae.config.scaling_factor = 0.18215
    vae.config.shift_factor = 0
    unet, _ = UNet3DConditionModel.from_pretrained(
        OmegaConf.to_container(config.model), f"{weights}/latentsync_unet.pt", device="cpu"
    )
    sound = Audio2Feature(
        model_path=f"{weights}/whisper/tiny.pt",
        device=device,
        num_frames=config.data.num_frames,
        audio_feat_length=config.data.audio_feat_length,
    )
    scheduler = DDIMScheduler.from_pretrained("configs")
    pipe = LipsyncPipeline(vae=vae, audio_encoder=sound, unet=unet.to(dtype=precision), scheduler=scheduler).to(device)
    pipe.restore_video = Kept(pipe.restore_video)
    if options["deep_cache"]:
        from DeepCache import DeepCacheSDHelper

        helper = DeepCacheSDHelper(pipe=pipe)
        helper.set_params(cache_interval=3, cache_branch_id=0)
        helper.enable()
    return SimpleNamespace(
        pipe=pipe,
        data=config.data,
        precision=precision,
        mask=str(Path(config.data.mask_image_path).resolve()),
        detector=f"{weights}/auxiliary",
    )


def generate(model, seed, folder, frames, steps, guidance, audio, video):
    """Generates frames (T, H, W, 3) for the length of the audio. The noise comes from the global generator."""
    pipe, checkout = model.pipe, Path.cwd()
    pipe.restore_video.frames = None  # The last sample's must never pass for this one's.
    os.chdir(folder)
    try:
        Path("checkpoints").mkdir()
        for link, target in (("checkpoints/auxiliary", model.detector), ("sound.wav", audio), ("film.mp4", video)):
            Path(link).symlink_to(target)
        pipe(
            video_path="film.mp4",
            audio_path="sound.wav",
            video_out_path="made.mp4",
            num_frames=model.data.num_frames,
            height=model.data.resolution,
            width=model.data.resolution,
            num_inference_steps=steps,
            guidance_scale=guidance,
            weight_dtype=model.precision,
            mask_image_path=model.mask,
            temp_dir="written",
        )
    finally:
        os.chdir(checkout)
    if pipe.restore_video.frames is None:
        raise RuntimeError("LatentSync pasted no faces into the film")
    return {"frames": pipe.restore_video.frames[:frames], "fps": 25}
