"""Flags of how and where a model is sampled; needs no torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from jova.config import GUIDANCE, SAMPLER, STEPS, Precision, Sampler
from jova.reading_flags import at_least, device, finite


def add_sampling_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `jova.sampling.Sampling`, which are None where the folder of weights decides."""
    how = parser.add_argument_group(
        "sampling", "by default as sampling.json in the folder of weights says; else as in brackets"
    )
    how.add_argument("--steps", type=at_least(1), help=f"of the sampler, at least 1 ({STEPS})")
    how.add_argument(
        "--guidance",
        type=finite,
        help=f"scale of classifier-free guidance: 1 is none, more follows the captions closer ({GUIDANCE})",
    )
    how.add_argument("--audio-guidance", type=finite, help="the same for the sound alone (that of the picture)")
    how.add_argument(
        "--guided-until", type=finite, metavar="T", help="share of the way from noise at which guidance ends (0.25)"
    )
    how.add_argument(
        "--sampler",
        choices=get_args(Sampler),
        help="euler; heun, of second order, which takes about twice the time per step; unipc, of second order, which "
        f"takes that of euler and needs diffusers ({SAMPLER})",
    )
    how.add_argument(
        "--shift", type=finite, help="factor by which steps are denser near the noise, such as 3 for large pictures (1)"
    )
    how.add_argument("--precision", choices=get_args(Precision), help="of activations (float32)")


def add_device_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say which weights run, where and at which cost in memory."""
    parser.add_argument("--weights", type=Path, help="folder with the model and its codecs (default: those shipped)")
    parser.add_argument(
        "--device", type=device, default="cpu", help="where the model runs: cpu, cuda or cuda:1 (default: %(default)s)"
    )
    parser.add_argument(
        "--offload",
        action="store_true",
        help="keep each part of the model on the CPU but while it computes",
    )
    parser.add_argument("--tiling", action="store_true", help="decode large pictures in tiles, for less memory")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the network: half a minute once; no faster on the CPU where it was tried",
    )
    parser.add_argument(
        "--text-cache", type=Path, metavar="DIR", help="keep what text encoders make of texts there (default: nowhere)"
    )
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        choices=["non-commercial"],
        help="licence terms of a codec's weights that you accept, as MMAudio's have",
    )


def check_shape_flags(arguments: argparse.Namespace) -> None:
    """Raises ValueError if the length is given twice, or length or size of an edit, which has its clip's."""
    given = [f"--{name}" for name in ("seconds", "frames", "height", "width") if getattr(arguments, name) is not None]
    if {"--seconds", "--frames"} <= {*given}:
        raise ValueError("expected the length once, got --seconds and --frames")
    if arguments.edit and given:
        raise ValueError(f"expected no length or size for --edit, which has the model's, got {', '.join(given)}")
    if arguments.seconds is not None and arguments.seconds <= 0:
        raise ValueError(f"expected --seconds above 0, got {arguments.seconds:g}")
