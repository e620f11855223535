"""Runs OmniAvatar in its own environment, through the pipeline of its scripts/inference.py (@1536bf3)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

SCRIPT, CONFIG = "scripts/inference.py", "configs/inference.yaml"


def load(weights, device, options):
    """Loads the pipeline. The upstream reads its command line at import, into an object that all its modules share."""
    sys.argv = [SCRIPT, f"--config={CONFIG}", f"--exp_path={weights}/OmniAvatar-{options['variant']}"]
    spec = importlib.util.spec_from_file_location("omniavatar_inference", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    args, base = script.args, f"{weights}/Wan2.1-T2V-{options['variant']}"
    # What the plan takes for granted stands in a file beside the checkpoint.
    for name in ("i2v", "use_audio", "random_prefix_frames"):
        if not getattr(args, name, False):
            raise RuntimeError(f"expected {name} in the checkpoint's config.json")
    persistent = options["persistent_parameters"]
    vars(args).update(
        dit_path=",".join(sorted(map(str, Path(base).glob("diffusion_pytorch_model*.safetensors")))),
        text_encoder_path=f"{base}/models_t5_umt5-xxl-enc-bf16.pth",
        vae_path=f"{base}/Wan2.1_VAE.pth",
        wav2vec_path=f"{weights}/wav2vec2-base-960h",
        max_hw=options["max_hw"],
        max_tokens=options["max_tokens"],
        num_persistent_param_in_dit=None if persistent < 0 else persistent,
    )
    return SimpleNamespace(script=script, pipe=script.WanInferencePipeline(args))


def generate(
    model,
    seed,
    folder,
    prompt,
    negative_prompt,
    silence_s,
    first,
    frames,
    overlap,
    steps,
    guidance,
    audio_guidance,
    image,
    audio,
):
    """Generates frames (T, H, W, 3) for the length of the audio. The noise comes from the global generator.

    Upstream's script adds the same silence, and to the sound of its clip 1/25 s more, for the image.
    """
    sound = audio
    if silence_s > 0:
        sound = f"{folder}/sound.wav"
        model.script.add_silence_to_audio_ffmpeg(audio, sound, silence_s)
    made = model.pipe.forward(
        prompt,
        image_path=image,
        audio_path=sound,
        overlap_frame=overlap,
        num_steps=steps,
        negative_prompt=negative_prompt,
        guidance_scale=guidance,
        audio_scale=audio_guidance,
    )  # (1, T, 3, H, W) in [0, 1]
    return {"frames": made[0, first : first + frames].permute(0, 2, 3, 1) * 2 - 1, "fps": 25}
