"""Runs UniVerse-1 in its own environment, from the parts that its sample_universe.py puts together (@2b9bb02).

Upstream's function loads everything for one sample; here it stays. One GPU needs no process group.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

SHIFT = 15
"""Shifts of the noise schedule, for video and audio."""
RATES_HZ = (16000, 25600)
"""Sample rates in Hz: of the input of the audio autoencoder, and its own."""
VIDEO_TOKENS, AMBIENT_TOKENS = 512, 256
NO_SPEECH = [0] * 32
FAILED_SPEECH = 1
"""Tokens that upstream's tokenizer gives after an exception that it only prints: its mark of a beginning."""


def load(weights, device, options):
    """Loads the pipeline and its other networks."""
    sys.dont_write_bytecode = True  # Upstream's commit has bytecode, and a changed checkout is refused.
    import torch
    from fastvideo.models.language_segmentation import LangSegment, language_filters
    from fastvideo.models.lyrics_utils.lyric_tokenizer import VoiceBpeTokenizer
    from fastvideo.models.music_dcae.music_dcae_pipeline import MusicDCAE
    from fastvideo.models.wan.modeling_universe import UniVerseTransformer3DModel
    from fastvideo.models.wan.pipeline_universe import UniVersePipeline
    from transformers import AutoTokenizer, UMT5EncoderModel

    wan, ace, half = f"{weights}/Wan2.1-T2V-1.3B-Diffusers", f"{weights}/ACE-Step-v1-3.5B", torch.bfloat16
    pipe = UniVersePipeline.from_pretrained(
        wan,
        transformer=UniVerseTransformer3DModel.from_pretrained(f"{weights}/UniVerse-1-base", torch_dtype=half),
        scheduler=schedule(),
        torch_dtype=half,
    )
    pipe.set_mel_scheduler(schedule())
    if options["cpu_offload"]:
        pipe.enable_model_cpu_offload(gpu_id=0)
    else:
        pipe.to(device)
    languages = LangSegment()
    languages.setfilters(language_filters.default)
    read_video = UMT5EncoderModel.from_pretrained(wan, subfolder="text_encoder", torch_dtype=half)
    read_ambient = UMT5EncoderModel.from_pretrained(f"{ace}/umt5-base", torch_dtype=half)
    return SimpleNamespace(
        device=device,
        pipe=pipe,
        languages=languages,
        speech_tokenizer=VoiceBpeTokenizer(),
        # Upstream reads the picture's text with this one, too.
        tokenizer=AutoTokenizer.from_pretrained(f"{ace}/umt5-base"),
        read_video=read_video.to(device).eval(),
        read_ambient=read_ambient.to(device).eval(),
        sound=MusicDCAE(*RATES_HZ, f"{ace}/music_dcae_f8c8", f"{ace}/music_vocoder").to(device),
    )


def schedule():
    """Returns a noise schedule; video and audio need one each, because it counts steps."""
    from fastvideo.utils.fm_solvers_unipc import FlowUniPCMultistepScheduler

    return FlowUniPCMultistepScheduler(num_train_timesteps=1000, shift=SHIFT, use_dynamic_shifting=False)


def generate(model, seed, folder, prompt, height, width, frames, steps, video_guidance, audio_guidance, image):
    """Generates one sample: frames (T, H, W, 3) and mono audio."""
    import torch
    from PIL import Image

    with torch.no_grad(), torch.autocast("cuda", dtype=torch.bfloat16):
        ambient = model.tokenizer(
            ", ".join(prompt["audio_prompt"]),
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=AMBIENT_TOKENS,
        ).to(model.device)
        made = model.pipe(
            ref_img=Image.open(image).convert("RGB"),
            text_ut5=video_text(model, prompt["video_prompt"]),
            text_ut5_neg=video_text(model, ""),
            ambient=model.read_ambient(**ambient).last_hidden_state,
            ambient_mask=ambient["attention_mask"],
            speech_token=torch.tensor([speech(model, prompt["speech_prompt"]["text"])], device=model.device),
            height=height,
            width=width,
            num_frames=frames,
            num_inference_steps=steps,
            guidance_scale_vid=video_guidance,
            guidance_scale_aud=audio_guidance,
            generator=torch.Generator("cpu").manual_seed(seed),
        )
        video, rate = made.frames[0], RATES_HZ[0]  # (T, H, W, 3) in [0, 1]
        samples = torch.tensor([int(len(video) / 25 * rate)])
        _, (sound,), _ = model.sound.decode(latents=made.mels.float(), audio_lengths=samples, sr=rate)
    # Upstream keeps the first of two channels.
    return {"frames": video * 2 - 1, "fps": 25, "audio": sound[0], "rate_hz": rate}


def video_text(model, text):
    """Encodes the video caption: (1, tokens, features), zero after its end."""
    read = model.tokenizer(
        text, padding="max_length", max_length=VIDEO_TOKENS, truncation=True, return_tensors="pt"
    ).to(model.device)
    features = model.read_video(read["input_ids"], read["attention_mask"])[0]
    return features.masked_fill(read["attention_mask"].unsqueeze(-1) == 0, 0)


def speech(model, text):
    """Returns the tokens of the transcript."""
    from fastvideo.sample.sample_universe import tokenize_lyrics

    if not text:
        return NO_SPEECH
    tokens, most = (
        tokenize_lyrics(model.speech_tokenizer, model.languages, text),
        model.pipe.transformer.max_speech_token_num,
    )
    if len(tokens) == FAILED_SPEECH:
        raise RuntimeError(
            "UniVerse-1 could not read the transcript and would have gone on without it; the log says why"
        )
    if len(tokens) > most:
        raise RuntimeError(
            f"the transcript is {len(tokens)} tokens to UniVerse-1, which reads {most}; the rest would be cut"
        )
    return tokens
