"""Runs MOVA in its own environment, through the pipeline that its scripts/inference_single.py drives (@595a976)."""

from __future__ import annotations

FPS = 24


def load(weights, device, options):
    """Loads the pipeline with its weights."""
    import torch
    import torch.distributed as dist
    from mova.diffusion.pipelines.pipeline_mova import MOVA

    # Upstream's progress bar asks for the rank. A process alone needs no port for it.
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    pipe = MOVA.from_pretrained(f"{weights}/MOVA-{options['variant']}", torch_dtype=torch.bfloat16)
    if options["offload"] == "cpu":
        pipe.enable_model_cpu_offload(0)
    elif options["offload"] == "group":
        pipe.enable_group_offload(
            onload_device=torch.device(device),
            offload_device=torch.device("cpu"),
            offload_type="leaf_level",
            use_stream=True,
            low_cpu_mem_usage=True,
        )
    else:
        pipe.to(torch.device(device))
    return pipe


def generate(pipe, seed, folder, prompt, height, width, frames, steps, guidance, negative_prompt, image):
    """Generates one sample: frames (T, H, W, 3) and audio, no longer than the video.

    Upstream's pipeline has a seed and never uses it: its noise is of the global generator, which is seeded already.
    Its script cuts the sound when it writes the film, and writes a silent one when that fails.
    """
    import numpy as np
    from mova.datasets.transforms.custom import crop_and_resize
    from PIL import Image

    video, audio = pipe(
        prompt=prompt,
        negative_prompt=negative_prompt,
        image=crop_and_resize(Image.open(image).convert("RGB"), height=height, width=width),
        seed=seed,
        height=height,
        width=width,
        num_frames=frames,
        video_fps=float(FPS),
        num_inference_steps=steps,
        cfg_scale=guidance,
    )
    made, rate = np.stack([np.asarray(one) for one in video[0]]), int(pipe.audio_sample_rate)
    # The last latent of the sound, (B, 1, N), is decoded whole.
    return {"frames": made, "fps": FPS, "audio": audio[0][:, : len(made) * rate // FPS], "rate_hz": rate}
