"""The flags of training and sampling, which can be read without torch: `python -m` and `jova-bench` share them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from jova.config import GUIDANCE, PRESETS, SAMPLER, STEPS, Fusion, MouthBox, Positions, Precision, Sampler, Task

STAGES = ("corpus", "codecs", "latents", "model")
"""Stages of a training, in order."""


def add_train_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `jova.train`."""
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--data", default="none", help="folder with the splits train/ and validation/; none: make them")
    parser.add_argument("--out", type=Path, required=True, help="folder for codecs, latents, states and the model")
    parser.add_argument("--codecs", type=Path, help="folder with codecs and latents made before (default: OUT)")
    parser.add_argument("--stage", choices=(*STAGES, "all"), default="all")
    parser.add_argument("--clips", type=int, help="training clips (default: the preset's)")
    parser.add_argument(
        "--steps", type=int, help="steps of the model; fixes the learning rate's schedule (default: the preset's)"
    )
    parser.add_argument("--init", type=Path, help="stored model to begin with (default: random weights)")
    parser.add_argument("--codec-steps", type=int, default=2000)
    parser.add_argument("--mouth-weight", type=float, default=5.0, help="lambda of the mouth-area loss")
    parser.add_argument("--mouth-box", choices=get_args(MouthBox), default="mouth")
    parser.add_argument("--fusion", choices=get_args(Fusion), default="joint")
    parser.add_argument("--positions", choices=get_args(Positions), default="aligned")
    parser.add_argument("--task", choices=get_args(Task), default="joint")
    parser.add_argument(
        "--precision", choices=get_args(Precision), default="float32", help="of the model's activations in training"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="processor threads of one process")


def add_sample_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `jova.sample`."""
    parser.add_argument("--video-caption", required=True, help="what is seen")
    parser.add_argument("--audio-caption", required=True, help="how it sounds")
    parser.add_argument("--transcript", required=True, help="what is said")
    parser.add_argument("--image", type=Path, help="first frame")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--sampler", choices=get_args(Sampler), default=SAMPLER)
    parser.add_argument("--precision", choices=get_args(Precision), default="float32", help="of the network")
    parser.add_argument("--weights", type=Path, help="folder of the model and its codecs (default: those that ship)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, required=True, help="mp4 file to write")
