"""Runs JavisDiT++ in its own environment, from the parts that its scripts/inference.py puts together (@b505b37).

Upstream's function reads a command line and seeds once, before it makes a whole list; here each sample has a seed. The
sample of seed 1024 is what upstream makes with --fix-noise-seed, on a CPU bit for bit; the mask of ones that upstream
gives the network as well changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

CONFIG = "configs/javisdit-v1-0/inference/sample.py"


def load(weights, device, options):
    """Loads the transformer and the other networks."""
    import torch

    forgive_pytorchvideo()
    from javisdit.registry import MODELS, SCHEDULERS, build_module
    from mmengine.config import Config

    torch.set_grad_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    # Upstream says that AudioLDM2 loads very slowly otherwise.
    torch.set_num_threads(1)
    config, precision = Config.fromfile(CONFIG), torch.bfloat16
    wan, own = f"{weights}/Wan2.1-T2V-1.3B", Path(weights, "JavisDiT-v1.0-jav")
    text = build_module(config.text_encoder, MODELS, from_pretrained=wan, device=device, dtype=precision)
    video = build_module(config.vae, MODELS, from_pretrained=wan, device=device)
    sound = build_module(
        config.audio_vae, MODELS, from_pretrained=f"{weights}/audioldm2", device=device, dtype=precision
    )
    net = build_module(config.model, MODELS, weight_init_from=str(own)).to(device, precision).eval()
    if (own / "lora").is_dir():
        from peft import PeftModel

        net = PeftModel.from_pretrained(net, str(own / "lora"), is_trainable=False).merge_and_unload()
    return SimpleNamespace(
        device=device,
        precision=precision,
        config=config,
        text=text,
        video=video.to(device, precision).eval(),
        sound=sound,
        net=net,
        scheduler=build_module(
            config.scheduler, SCHEDULERS, num_sampling_steps=options["steps"], cfg_scale=options["guidance"]
        ),
    )


def forgive_pytorchvideo():
    """Adds the old name of a torchvision module, which pytorchvideo imports; upstream replaces the installed file."""
    from torchvision.transforms import _functional_tensor

    sys.modules.setdefault("torchvision.transforms.functional_tensor", _functional_tensor)


def generate(model, seed, folder, prompt, height, width, frames, negative_prompt):
    """Generates frames (T, H, W, 3) and mono audio. The global generator draws the noise, of the video first."""
    import torch
    from javisdit.utils.inference_utils import prepare_multi_resolution_info

    config, device, dtype = model.config, model.device, model.precision
    size = model.video.get_latent_size((frames, height, width))
    picture = torch.randn(1, model.video.out_channels, *size, device=device, dtype=dtype)
    sound, samples = model.sound.prepare_latents(frames / config.fps, 1, device=device, dtype=dtype)
    made = model.scheduler.multimodal_sample(
        model.net,
        model.text,
        {"video": picture, "audio": sound},
        [prompt],
        device=device,
        additional_args=prepare_multi_resolution_info(
            config.multi_resolution, 1, (height, width), frames, config.fps, device, dtype
        ),
        neg_prompts=[negative_prompt],
    )
    video = model.video.decode(made["video"].to(dtype), num_frames=frames)  # (1, 3, T, H, W) in [-1, 1]
    audio = model.sound.decode_audio(made["audio"], original_waveform_length=samples)  # (1, N)
    return {
        "frames": video[0].permute(1, 2, 3, 0),
        "fps": config.save_fps,
        "audio": audio[0],
        "rate_hz": config.audio_fps,
    }
