"""Stands for Ovi's command line: a configuration with a table of prompts in, one file per prompt out."""

import argparse
import csv
import re
from fractions import Fraction
from pathlib import Path

import acts
import numpy as np
from omegaconf import OmegaConf
from ovi.ovi_fusion_engine import OviFusionEngine

from jova_bench.media import files as media

parser = argparse.ArgumentParser()
parser.add_argument("--config-file", type=str, default="ovi/configs/inference/inference_fusion.yaml")
parser.add_argument("--local_rank", type=int, default=-1)
config = OmegaConf.load(parser.parse_args().config_file)
engine = OviFusionEngine(config=config)
with Path(config.text_prompt).open(newline="") as file:
    rows = list(csv.DictReader(file))
for row in rows:
    made = engine.generate(
        text_prompt=row["text_prompt"],
        image_path=row["image_path"] or None,
        video_frame_height_width=config.video_frame_height_width,
        seed=config.seed,
        sample_steps=config.sample_steps,
    )
    video, audio, _ = made
    frames = ((video.transpose(1, 2, 3, 0) + 1) / 2 * 255).astype(np.uint8)
    words = re.sub(r"<.*?>", "", row["text_prompt"]).replace(" ", "_").replace("/", "_")[:50]
    size = "x".join(map(str, config.video_frame_height_width))
    media.write(
        Path(config.output_dir) / f"{words}_{size}_{config.seed}_0.mp4", frames, Fraction(24), audio[None], 16000
    )
acts.note("end", rows=len(rows))
