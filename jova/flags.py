"""Command-line flags of training and sampling, shared by `python -m` and `jova-bench`; needs no torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from jova.config import GUIDANCE, PRESETS, SAMPLER, STEPS, Fusion, MouthBox, Positions, Precision, Sampler, Task, Words

STAGES = ("corpus", "codecs", "latents", "model")
"""Stages of a training, in order."""


def add_train_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `jova.train`."""
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument(
        "--data", default="none", help="folder of the splits train/ and validation/ (default: make both)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for codecs, latents, checkpoints and the model")
    parser.add_argument("--codecs", type=Path, help="folder with existing codecs and latents (default: OUT)")
    parser.add_argument("--stage", choices=(*STAGES, "all"), default="all")
    parser.add_argument("--clips", type=int, help="training clips (default: the preset's)")
    parser.add_argument(
        "--steps", type=int, help="training steps; the learning rate's schedule depends on it (default: the preset's)"
    )
    parser.add_argument("--init", type=Path, help="stored model to start from (default: random weights)")
    parser.add_argument("--codec-steps", type=int, help="steps of the video codec's network (default: the preset's)")
    parser.add_argument("--mouth-weight", type=float, help="lambda of the mouth-area loss (default: the preset's)")
    parser.add_argument("--mouth-box", choices=get_args(MouthBox), help="(default: the preset's)")
    parser.add_argument("--fusion", choices=get_args(Fusion), default="joint")
    parser.add_argument("--positions", choices=get_args(Positions), default="aligned")
    parser.add_argument("--words", choices=get_args(Words), default="timed")
    parser.add_argument("--task", choices=get_args(Task), default="joint")
    parser.add_argument(
        "--edit-share",
        type=float,
        help="share of examples, 0 to 1, of which parts are given and the rest is made; above 0 the model also edits "
        "clips (default: the preset's)",
    )
    parser.add_argument(
        "--precision", choices=get_args(Precision), help="of activations in training (default: the preset's)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; also worker processes for the corpus")


def add_sample_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `jova.sample`."""
    parser.add_argument("--video-caption", required=True, help="what the video shows")
    parser.add_argument("--audio-caption", required=True, help="what the voice sounds like")
    parser.add_argument("--transcript", required=True, help="the words to speak")
    parser.add_argument("--image", type=Path, help="image or video file whose first frame, cut square, starts the clip")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--sampler", choices=get_args(Sampler), default=SAMPLER)
    parser.add_argument("--precision", choices=get_args(Precision), default="float32", help="of activations")
    parser.add_argument("--weights", type=Path, help="folder with the model and its codecs (default: those shipped)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, required=True, help="mp4 file to write")
