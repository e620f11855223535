"""Stands for upstream's script: writes the film and its sound by functions that print what goes wrong and end well."""

import argparse
from fractions import Fraction
from pathlib import Path

import numpy as np
import wan
from wan.configs import WAN_CONFIGS

from jova_bench.media import files as media

parser = argparse.ArgumentParser()
for flag in ("task", "size", "ckpt_dir", "prompt", "image", "audio", "sample_solver", "offload_model", "save_file"):
    parser.add_argument(f"--{flag}", default="upstream's example")
for flag in ("base_seed", "num_clip", "sample_steps"):
    parser.add_argument(f"--{flag}", type=int)
for flag in ("sample_shift", "sample_guide_scale"):
    parser.add_argument(f"--{flag}", type=float)
parser.add_argument("--convert_model_dtype", action="store_true")
args = parser.parse_args()
model = wan.WanS2V(WAN_CONFIGS[args.task], args.ckpt_dir, convert_model_dtype=args.convert_model_dtype)
width, height = map(int, args.size.split("*"))
video = model.generate(
    input_prompt=args.prompt,
    ref_image_path=args.image,
    audio_path=args.audio,
    enable_tts=False,
    tts_prompt_audio=None,
    tts_prompt_text=None,
    tts_text=None,
    num_repeat=args.num_clip,
    max_area=width * height,
    shift=args.sample_shift,
    sample_solver=args.sample_solver,
    sampling_steps=args.sample_steps,
    guide_scale=args.sample_guide_scale,
    seed=args.base_seed,
    offload_model=args.offload_model == "True",
)
try:
    if "[no film]" in args.prompt:
        raise OSError("no such codec")
    voice = media.read(Path(args.audio))
    frames = np.asarray((video.permute(1, 2, 3, 0) + 1) * 127.5).round().astype(np.uint8)
    if "[no sound]" in args.prompt:
        media.write(Path(args.save_file), frames, Fraction(16), None, 0)
    else:
        shown = frames[: round(voice.audio.shape[1] / voice.sample_rate_hz * 16)]
        media.write(Path(args.save_file), shown, Fraction(16), voice.audio, voice.sample_rate_hz)
except Exception as error:
    print(f"save_video failed, error: {error}")
print("Finished.")
