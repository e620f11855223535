"""Command-line flags of training and sampling, shared by `python -m` and `jova-bench`; needs no torch."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from jova.config import (
    PRESETS,
    Edit,
    Fusion,
    MouthBox,
    Positions,
    Precision,
    Task,
    Words,
)
from jova.reading_flags import at_least, box, device, finite
from jova.sampling_flags import add_device_flags, add_sampling_flags
from jova.sizes import SIZES

STAGES = ("corpus", "codecs", "latents", "model")
"""Stages of a training, in order."""


FLAGS_OF_EDIT: Mapping[Edit, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "speech": (("clip", "from", "to"), ()),
    "mouth": (("clip", "audio"), ("mouth",)),
    "picture": (("audio",), ("image",)),
    "sound": (("clip",), ()),
}
"""Flags that each edit needs, and that it may have."""


def add_train_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `jova.train`."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file of a training on shards, on one GPU or, started by torchrun, on many: model (preset "
        f"{', '.join(SIZES)} or one of those below, or any field), codecs, text, data, stages; of the other flags it "
        "takes --device, --callback and --threads",
    )
    parser.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        default="tiny",
        help="sizes and steps of a training on drawn heads, from nothing (default: %(default)s); presets of a --config "
        f"FILE are these and {', '.join(SIZES)}",
    )
    parser.add_argument(
        "--device",
        type=device,
        help="where the model is trained: cpu, cuda or cuda:1 (default: cpu; with --config, cuda where there is a GPU)",
    )
    parser.add_argument(
        "--callback",
        metavar="MODULE:FUNCTION",
        help="with --config: called with the folder of each set of samples; the numbers that it returns are logged",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder that has the splits train/ and validation/, such as OUT/corpus of another training; it is only "
        "read (default: OUT/corpus, where clips that are missing are drawn)",
    )
    parser.add_argument("--out", type=Path, help="folder for codecs, latents, checkpoints and the model")
    parser.add_argument(
        "--codecs",
        type=Path,
        help="folder with existing codecs and latents; OUT then has links to the codecs (default: OUT)",
    )
    parser.add_argument(
        "--stage",
        choices=(*STAGES, "all"),
        default="all",
        help="one stage alone; those before it must be finished (default: all)",
    )
    parser.add_argument("--clips", type=at_least(1), help="training clips (default: the preset's)")
    parser.add_argument(
        "--steps",
        type=at_least(1),
        help="training steps; the learning rate's schedule depends on it (default: the preset's)",
    )
    parser.add_argument(
        "--init", type=Path, help="stored model, or folder of a training, to start from (default: random weights)"
    )
    parser.add_argument(
        "--codec-steps", type=at_least(1), help="steps of the video codec's network (default: the preset's)"
    )
    parser.add_argument("--mouth-weight", type=finite, help="lambda of the mouth-area loss (default: the preset's)")
    parser.add_argument("--mouth-box", choices=get_args(MouthBox), help="(default: the preset's)")
    parser.add_argument(
        "--fusion",
        choices=get_args(Fusion),
        default="joint",
        help="joint: one self-attention over the tokens of picture and sound; cross: twin towers with cross-attention; "
        "none: two models side by side (default: %(default)s)",
    )
    parser.add_argument(
        "--positions",
        choices=get_args(Positions),
        default="aligned",
        help="in time. aligned: picture and sound of one instant have the same; independent: each counts its own "
        "tokens; offset: aligned, with sound and text off the picture's rows and columns (default: %(default)s)",
    )
    parser.add_argument(
        "--words",
        choices=get_args(Words),
        default="timed",
        help="of the transcript. timed: each has the time at which it is spoken; free: none has (default: %(default)s)",
    )
    parser.add_argument(
        "--task",
        choices=get_args(Task),
        default="joint",
        help="joint: make picture and sound; audio-driven: make the picture for a given sound (default: %(default)s)",
    )
    parser.add_argument(
        "--edit-share",
        type=finite,
        help="share of examples, 0 to 1, of which parts are given and the rest is made; above 0 the model also edits "
        "clips (default: the preset's)",
    )
    parser.add_argument(
        "--precision", choices=get_args(Precision), help="of activations in training (default: the preset's)"
    )
    parser.add_argument(
        "--seed",
        type=at_least(0),
        default=0,
        help="of the first weights; batches and noise are the same for all (default: %(default)s)",
    )
    parser.add_argument(
        "--threads", type=at_least(1), default=1, help="CPU threads; also worker processes for the corpus"
    )


def add_sample_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `jova.sample`."""
    parser.add_argument("--video-caption", required=True, help="what the video shows")
    parser.add_argument("--audio-caption", required=True, help="what the voice sounds like")
    parser.add_argument("--transcript", required=True, help="the words to speak")
    parser.add_argument(
        "--image", type=Path, help="image or video file whose first frame, cut to the clip's aspect, starts the clip"
    )
    edits = parser.add_argument_group(
        "edits", "make a part of a given clip; the captions are of the clip as it is to be"
    )
    edits.add_argument(
        "--edit",
        choices=get_args(Edit),
        help="speech: other words from --from to --to of --clip, in brackets in the transcript ('place [blue] now'; "
        "with nothing in them, silence is asked for); mouth: the mouth of --clip for the sound of "
        "--audio; picture: the picture for the sound of --audio; sound: the sound for the picture of --clip",
    )
    edits.add_argument("--clip", type=Path, help="clip of which the rest is kept")
    edits.add_argument("--audio", type=Path, help="file whose sound is given, such as a wav or another clip")
    edits.add_argument("--from", dest="start_s", type=finite, metavar="S", help="start of the span, in seconds")
    edits.add_argument("--to", dest="end_s", type=finite, metavar="S", help="end of the span, in seconds")
    edits.add_argument(
        "--mouth",
        type=box,
        metavar="X0,Y0,X1,Y1",
        help="box of the mouth in pixels of the model's square picture (default: the clip's track, of a clip in a "
        "folder of drawn ones, else the lower part of a face in the middle)",
    )
    parser.add_argument(
        "--seed",
        type=at_least(0),
        default=0,
        help="of the noise: the same seed makes the same clip (default: %(default)s)",
    )
    shape = parser.add_argument_group("length and size", "of a clip that is made whole (default: the model's)")
    shape.add_argument("--seconds", type=finite, metavar="S", help="length; the nearest that the codecs allow is taken")
    shape.add_argument("--frames", type=at_least(1), metavar="N", help="the same in frames, exactly")
    shape.add_argument("--height", type=at_least(1), metavar="PIXELS", help="of the picture, in pixels")
    shape.add_argument("--width", type=at_least(1), metavar="PIXELS", help="of the picture, in pixels")
    add_sampling_flags(parser)
    add_device_flags(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="mp4 file to write; replaces a clip of this command, nothing else"
    )


def check_config_flags(arguments: argparse.Namespace) -> None:
    """Raises ValueError if a training file has flags beside it that it decides, or there is neither it nor a folder."""
    if arguments.config is None:
        if arguments.out is None:
            raise ValueError("expected --out DIR for a preset, or --config FILE, got neither")
        if arguments.callback is not None:
            raise ValueError("expected --config FILE beside --callback, got none")
        return
    parser = argparse.ArgumentParser()
    add_train_flags(parser)
    with_it = ("config", "device", "callback", "threads")
    defaults = vars(parser.parse_args([]))
    given = [name for name in defaults if name not in with_it and getattr(arguments, name) != defaults[name]]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ValueError(f"expected {arguments.config} to say what is trained and where, got {flags} beside it, too")


def check_out(arguments: argparse.Namespace) -> None:
    """Raises ValueError if the clip would be no mp4 file, or replace one that it is made from."""
    if arguments.out.suffix != ".mp4":
        raise ValueError(f"expected a name that ends in .mp4 as --out, got {str(arguments.out)!r}; rename it")
    for name in ("clip", "audio", "image"):
        source: Path | None = getattr(arguments, name)
        if source is not None and arguments.out.exists() and source.exists() and arguments.out.samefile(source):
            raise ValueError(f"expected another file as --out than --{name}, got {arguments.out} for both")


def check_edit_flags(arguments: argparse.Namespace) -> None:
    """Raises ValueError if a flag of edits is missing, or one is given that the edit does not have."""
    fields = {"from": "start_s", "to": "end_s"}
    names = {name for group in FLAGS_OF_EDIT.values() for part in group for name in part}
    given = {name for name in names if getattr(arguments, fields.get(name, name)) is not None}
    needed, allowed = FLAGS_OF_EDIT[arguments.edit] if arguments.edit else ((), ("image",))
    asked = f"--edit {arguments.edit}" if arguments.edit else "a clip without --edit"
    if missing := [f"--{name}" for name in needed if name not in given]:
        raise ValueError(f"expected {', '.join(missing)} for {asked}, got none")
    if other := sorted(f"--{name}" for name in given.difference(needed, allowed)):
        flags = ", ".join(f"--{name}" for name in (*needed, *allowed))
        raise ValueError(f"expected of the flags of edits {flags} for {asked}, got {', '.join(other)}")
