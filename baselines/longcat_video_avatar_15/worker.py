"""Runs LongCat-Video-Avatar 1.5 in its own environment, from the parts that its demo script puts together (@6b3f4b8).

The script, run_demo_avatar_single_audio_to_video.py, loads everything for one sample and writes the film after every
piece; here it stays, and frames are returned. One GPU needs no process group.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

VERSION = "avatar-v1.5"
FPS, FRAMES, REPEATED = 25, 93, 13
"""Frames per second, per piece, and of a piece that the next one repeats."""
STEPS, GUIDANCE = 8, 1.0
"""Steps of the distilled model, and both its guidances, which are none."""
RATE_HZ = 16000
AROUND = 2
"""Embeddings of the sound on either side of a frame's own that are read with it."""


def load(weights, device, options):
    """Loads the pipeline, and the network that takes voices out of the sound."""
    import torch
    from audio_separator.separator import Separator
    from longcat_video.audio_process import get_audio_encoder, get_audio_feature_extractor
    from longcat_video.modules.autoencoder_kl_wan import AutoencoderKLWan
    from longcat_video.modules.avatar.longcat_video_dit_avatar import LongCatVideoAvatarTransformer3DModel
    from longcat_video.modules.quantization import load_quantized_dit
    from longcat_video.modules.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
    from longcat_video.pipeline_longcat_video_avatar import LongCatVideoAvatarPipeline
    from transformers import AutoTokenizer, UMT5EncoderModel

    base, own, half = f"{weights}/LongCat-Video", f"{weights}/LongCat-Video-Avatar-1.5", torch.bfloat16
    if options["int8"]:
        dit = load_quantized_dit(own, subfolder="base_model_int8", cp_split_hw=[1, 1])
    else:
        dit = LongCatVideoAvatarTransformer3DModel.from_pretrained(
            own, subfolder="base_model", cp_split_hw=[1, 1], torch_dtype=half
        )
    # Upstream goes on without the distilled weights where they are not.
    dit.load_lora(
        f"{own}/lora/dmd_lora.safetensors", "dmd", multiplier=1.0, lora_network_dim=128, lora_network_alpha=64
    )
    dit.enable_loras(["dmd"])
    pipe = LongCatVideoAvatarPipeline(
        tokenizer=AutoTokenizer.from_pretrained(base, subfolder="tokenizer"),
        text_encoder=UMT5EncoderModel.from_pretrained(base, subfolder="text_encoder", torch_dtype=half),
        vae=AutoencoderKLWan.from_pretrained(base, subfolder="vae", torch_dtype=half),
        scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(own, subfolder="scheduler"),
        dit=dit,
        audio_encoder=get_audio_encoder(f"{own}/whisper-large-v3", VERSION).to(device),
        audio_feature_extractor=get_audio_feature_extractor(f"{own}/whisper-large-v3", VERSION),
        model_type=VERSION,
    )
    pipe.to(device)
    # Removed at the end of the process; the voices in it are, after every sample.
    voices = tempfile.TemporaryDirectory(prefix="voices-")
    separator = Separator(output_dir=voices.name, output_single_stem="vocals", model_file_dir=f"{own}/vocal_separator")
    separator.load_model("Kim_Vocal_2.onnx")
    return pipe, separator, voices


def generate(model, seed, folder, prompt, pieces, frames, resolution, ref_img_index, mask_frame_range, image, audio):
    """Generates one sample: frames (T, H, W, 3), no longer than the audio."""
    import numpy as np
    import torch
    from PIL import Image

    pipe, separator, voices = model
    generator = torch.Generator(device=pipe.device)
    generator.manual_seed(seed)
    heard = embedded(pipe, voice(separator, Path(voices.name), audio), FRAMES + (pieces - 1) * (FRAMES - REPEATED))
    output, latent = pipe.generate_ai2v(
        image=Image.open(image).convert("RGB"),
        prompt=prompt,
        resolution=resolution,
        num_frames=FRAMES,
        num_inference_steps=STEPS,
        use_distill=True,
        text_guidance_scale=GUIDANCE,
        audio_guidance_scale=GUIDANCE,
        generator=generator,
        output_type="both",
        audio_emb=window(heard, 0),
    )
    made = [(output[0] * 255).astype(np.uint8)]
    reference = latent[:, :, :1].clone()
    height, width = made[0].shape[1:3]
    for piece in range(1, pieces):
        output, latent = pipe.generate_avc(
            video=[Image.fromarray(one) for one in made[-1]],
            video_latent=latent,
            prompt=prompt,
            height=height,
            width=width,
            num_frames=FRAMES,
            num_cond_frames=REPEATED,
            num_inference_steps=STEPS,
            use_distill=True,
            text_guidance_scale=GUIDANCE,
            audio_guidance_scale=GUIDANCE,
            generator=generator,
            output_type="both",
            use_kv_cache=True,
            offload_kv_cache=False,
            enhance_hf=False,
            audio_emb=window(heard, piece * (FRAMES - REPEATED)),
            ref_latent=reference,
            ref_img_index=ref_img_index,
            mask_frame_range=mask_frame_range,
        )
        made.append((output[0] * 255).astype(np.uint8))
    film = np.concatenate([made[0], *(one[REPEATED:] for one in made[1:])])
    return {"frames": film[:frames], "fps": FPS}


def voice(separator, folder, audio):
    """Returns the voices of a file, mono at 16 kHz, without what else it has."""
    import librosa

    found = separator.separate(audio)
    if not found:
        raise RuntimeError("LongCat-Video-Avatar's separator found no voice in the sound")
    path = folder / found[0]
    try:
        return librosa.load(str(path), sr=RATE_HZ)[0]
    finally:
        path.unlink()


def embedded(pipe, speech, frames):
    """Returns the embeddings of speech by frame, of at least so many frames; silence fills it up."""
    import math

    import numpy as np

    lacking = math.ceil((frames / FPS - len(speech) / RATE_HZ) * RATE_HZ)
    if lacking > 0:
        speech = np.append(speech, [0.0] * lacking)
    made = pipe.get_audio_embedding(speech, fps=FPS, device=pipe.device, sample_rate=RATE_HZ, model_type=VERSION)
    if bool((made != made).any()):
        raise ValueError("LongCat-Video-Avatar's embedding of the sound has NaN")
    return made


def window(heard, first):
    """Returns the embeddings of a piece that begins at a frame, (1, frames, 5, ...): each with its neighbours."""
    import numpy as np

    read = np.arange(first, first + FRAMES)[:, None] + np.arange(-AROUND, AROUND + 1)
    return heard[np.clip(read, 0, len(heard) - 1)][None]
