"""Runs Wan2.2-S2V in its own environment, through the class that its generate.py drives (@42bf4cf)."""

from __future__ import annotations

import os


def load(weights, device, options):
    """Loads the pipeline with its weights. It has no state between calls."""
    from wan import WanS2V
    from wan.configs import WAN_CONFIGS

    # The one GPU that this process sees.
    return WanS2V(
        config=WAN_CONFIGS["s2v-14B"],
        checkpoint_dir=os.path.join(weights, "Wan2.2-S2V-14B"),  # noqa: PTH118
        device_id=0,
        rank=0,
        convert_model_dtype=options["convert_dtype"],
    )


def generate(model, seed, folder, prompt, clips, frames, area, steps, solver, shift, guidance, offload, image, audio):
    """Generates one sample: frames (T, H, W, 3), no longer than the audio.

    Upstream's script writes the film and adds the sound by functions that log what goes wrong and end well; frames
    that never were a file have no such gap.
    """
    made = model.generate(
        input_prompt=prompt,
        ref_image_path=image,
        audio_path=audio,
        enable_tts=False,
        tts_prompt_audio=None,
        tts_prompt_text=None,
        tts_text=None,
        num_repeat=clips,
        max_area=area,
        shift=shift,
        sample_solver=solver,
        sampling_steps=steps,
        guide_scale=guidance,
        seed=seed,
        offload_model=offload,
    )
    if made is None:  # What upstream gives to all but one of several processes.
        raise RuntimeError("Wan2.2-S2V gave nothing")
    return {"frames": made[:, :frames].permute(1, 2, 3, 0), "fps": 16}  # (3, T, H, W) in [-1, 1]
