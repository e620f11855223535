"""Runs InfiniteTalk in its own environment, through the class that its generate_infinitetalk.py drives (@0107cd9)."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path


def load(weights, device, options):
    """Loads the pipeline, and the networks that read the sound."""
    import wan
    from generate_infinitetalk import custom_init
    from wan.configs import WAN_CONFIGS

    pipe = wan.InfiniteTalkPipeline(
        config=WAN_CONFIGS["infinitetalk-14B"],
        checkpoint_dir=f"{weights}/Wan2.1-I2V-14B-480P",
        # The one GPU that this process sees.
        device_id=0,
        rank=0,
        infinitetalk_dir=f"{weights}/InfiniteTalk/single/infinitetalk.safetensors",
    )
    if options["persistent_parameters"] >= 0:
        pipe.vram_management = True
        pipe.enable_vram_management(num_persistent_param_in_dit=options["persistent_parameters"])
    return pipe, custom_init("cpu", f"{weights}/chinese-wav2vec2-base")


def generate(
    model,
    seed,
    folder,
    prompt,
    size,
    shift,
    steps,
    text_guidance,
    audio_guidance,
    clip_frames,
    motion_frames,
    max_frames,
    color_correction,
    offload,
    image,
    audio,
):
    """Generates one sample: frames (T, H, W, 3), no longer than the audio.

    Upstream's script writes the film at a low quality and the sound, as it brought it to a loudness, beside it.
    """
    import torch
    from generate_infinitetalk import audio_prepare_single, get_embedding

    pipe, (extractor, encoder) = model
    heard = get_embedding(audio_prepare_single(audio), extractor, encoder)
    if bool((heard != heard).any()):
        raise ValueError("InfiniteTalk's embedding of the sound has NaN")
    # The pipeline reads it from a file.
    embedding = str(Path(folder, "embedding.pt"))
    torch.save(heard, embedding)
    made = pipe.generate_infinitetalk(
        {"prompt": prompt, "cond_video": image, "cond_audio": {"person1": embedding}},
        size_buckget=size,
        motion_frame=motion_frames,
        frame_num=clip_frames,
        shift=shift,
        sampling_steps=steps,
        text_guide_scale=text_guidance,
        audio_guide_scale=audio_guidance,
        # Upstream seeds numpy with it, which takes no larger one: seeds that differ by 2^32 make the same sample.
        seed=seed % 2**32,
        offload_model=offload,
        max_frames_num=max_frames,
        color_correction_strength=color_correction,
        extra_args=Namespace(use_teacache=False, use_apg=False),
    )
    Path(embedding).unlink()
    if made is None:  # What upstream gives to all but one of several processes.
        raise RuntimeError("InfiniteTalk gave nothing")
    return {"frames": made.permute(1, 2, 3, 0), "fps": 25}  # (3, T, H, W) in [-1, 1]
