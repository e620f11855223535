"""Runs daVinci-MagiHuman in its own environment, from the parts that its inference/pipeline/entry.py drives (@209209b).

Upstream writes picture and sound into files, encodes the sound again beside the picture, and only prints that this
failed. Arrays that never were files have no such gap.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

UPSCALERS = {"540p": "540p_sr", "1080p": "1080p_sr"}
"""Folders of the super-resolution by variant."""


def load(weights, device, options):
    """Loads the pipeline. Upstream reads its configuration from a file that the command line names, more than once."""
    import torch.distributed as dist

    variant, upscaler = options["variant"], UPSCALERS.get(options["variant"])
    own, distilled = f"{weights}/MagiHuman", variant == "distill"
    evaluation = {
        "cfg_number": 1 if distilled else 2,
        "num_inference_steps": options["steps"],
        "audio_model_path": f"{weights}/stable-audio-open-1.0",
        "txt_model_path": f"{weights}/t5gemma-9b-9b-ul2",
        "vae_model_path": f"{weights}/Wan2.2-TI2V-5B",
        "use_turbo_vae": True,
        "student_config_path": f"{own}/turbo_vae/TurboV3-Wan22-TinyShallow_7_7.json",
        "student_ckpt_path": f"{own}/turbo_vae/checkpoint-340000.ckpt",
        "use_sr_model": upscaler is not None,
        "sr_model_path": f"{own}/{upscaler}" if upscaler else "",
        "sr_num_inference_steps": options["upscaling_steps"],
        "sr_cfg_number": 1,
    }
    engine = {"load": f"{own}/{'distill' if distilled else 'base'}", "cp_size": 1}
    # Read from the environment whenever a network is moved.
    os.environ["CPU_OFFLOAD"] = str(options["cpu_offload"]).lower()
    os.environ["SR2_1080"] = str(variant == "1080p").lower()
    # Upstream makes a group that is not there yet by a port. A process alone needs none.
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps({"engine_config": engine, "evaluation_config": evaluation}), encoding="utf-8")
        sys.argv = ["entry.py", "--config-load-path", str(path)]
        from inference.common import parse_config
        from inference.infra import initialize_infra
        from inference.model.dit import get_dit
        from inference.pipeline import MagiPipeline

        initialize_infra()
        config = parse_config()
        return MagiPipeline(get_dit(config.arch_config, config.engine_config), config.evaluation_config)


def generate(
    pipe, seed, folder, prompt, seconds, base_height, base_width, height, width, steps, upscaling_steps, image
):
    """Generates one sample: frames (T, H, W, 3) and stereo sound, one latent (0.04 s) longer.

    Noise is of torch's global generator, which is seeded already, as upstream's own `run_offline` seeds it.
    """
    frames, sound = pipe.evaluator.evaluate(
        prompt,
        image,
        None,
        seconds=seconds,
        br_width=base_width,
        br_height=base_height,
        sr_width=width,
        sr_height=height,
        br_num_inference_steps=steps,
        sr_num_inference_steps=upscaling_steps,
    )
    # Sound is (N, 2).
    rate = pipe.evaluator.audio_vae.sample_rate
    return {"frames": frames, "fps": pipe.evaluation_config.fps, "audio": sound.T, "rate_hz": rate}
