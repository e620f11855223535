"""Trains JoVA: on drawn heads from nothing by a preset, or on shards of one's own videos by a training file.

python -m jova.train --preset tiny --out work/tiny
torchrun --nproc-per-node 8 -m jova.train --config mine.toml

`jova.training.runfile` describes the file. A preset makes corpus, codecs, cached latents and model:
`training/recipes.toml` has its recipe; a flag replaces a value of it. Finished stages are skipped, so that the same
command resumes an interrupted training. At the end OUT holds the three files of `jova/weights`: video-codec,
audio-codec and jova-tiny (.safetensors), of which codecs named as --codecs are links.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from jova.codecs.audio import AudioCodec, AudioCodecConfig
from jova.codecs.video import VideoCodec, VideoCodecConfig
from jova.config import PRESETS, JovaConfig
from jova.data.folder import Item
from jova.data.splits import check_data, check_files, make_corpus, read_split, wanted
from jova.data.vocabulary import words
from jova.devices import enough_memory
from jova.files import check_link, check_writable, set_link
from jova.flags import STAGES, add_train_flags, check_config_flags
from jova.parts import FILES
from jova.stopping import stoppable
from jova.training.checkpoints import FileCheckpoints
from jova.training.codecs import CHECKPOINT
from jova.training.config import TrainConfig
from jova.training.distributed import Ranks, alone, joined
from jova.training.identity import RANDOM, check_init, check_same, digest_of_init, to_resume
from jova.training.latents import encode_items, load_codecs, load_examples, unencoded
from jova.training.machinery import Machinery
from jova.training.model import Trainer
from jova.training.recipes import RECIPES, Recipe
from jova.training.samples import load_callback
from jova.training.staged import train
from jova.training.state import load_state

CODEC_CLIPS = 1000
"""Number of training clips for the codecs."""


def train_codecs(data: Path, out: Path, steps: int, seed: int) -> None:
    """Trains both codecs and writes them to OUT."""
    from jova.training.codecs import CodecTraining, fit_audio_codec, read_footage, train_video_codec

    items = read_split(data, "train", CODEC_CLIPS)
    if not (out / "audio-codec.safetensors").is_file():
        fit_audio_codec(AudioCodecConfig(), items, out)
    footage, held_out = read_footage(items), read_footage(read_split(data, "validation", 12))
    train_video_codec(VideoCodecConfig(), CodecTraining(steps=steps, seed=seed), footage, held_out, out)


def with_codecs_to_be(config: JovaConfig, codecs: Path) -> JovaConfig:
    """Returns a config with the channels of the codecs in a folder, or of those that will be made there."""
    video, audio = (codecs / f"{name}-codec.safetensors" for name in ("video", "audio"))
    return replace(
        config,
        video_channels=(VideoCodec.load(video) if video.is_file() else VideoCodecConfig()).channels,
        audio_channels=(AudioCodec.load(audio) if audio.is_file() else AudioCodecConfig()).channels,
    )


def with_codecs(config: JovaConfig, codecs: Path) -> JovaConfig:
    """Returns a config with the channels of the codecs in a folder."""
    video, audio = (codecs / f"{name}-codec.safetensors" for name in ("video", "audio"))
    return replace(
        config, video_channels=VideoCodec.load(video).channels, audio_channels=AudioCodec.load(audio).channels
    )


def encode(data: Path, out: Path, clips: int) -> None:
    """Encodes both splits to OUT/latents."""
    for split, count in wanted(clips).items():
        encode_items(read_split(data, split, count), out, out / "latents" / split)


def train_model(
    data: Path,
    codecs: Path,
    out: Path,
    clips: int,
    config: JovaConfig,
    training: TrainConfig,
    init_from: Path | None = None,
    device: str = "cpu",
) -> None:
    """Trains the model in OUT on the latents in CODECS, from random weights or from those of a stored model.

    Raises:
        ValueError: there is no such device, or torchrun started several processes.
    """
    train, held_out = (
        load_examples(read_split(data, split, count), codecs, codecs / "latents" / split, config, training.mouth_box)
        for split, count in wanted(clips).items()
    )
    video, audio = load_codecs(codecs)
    made_by = {"video_codec": video.fingerprint, "audio_codec": audio.fingerprint}
    with joined(device) as ranks:
        Trainer(config, training, out, init_from, Machinery(ranks), made_by).run(train, held_out)


def run(arguments: argparse.Namespace) -> None:
    """Runs the stages that the flags of `add_train_flags` name.

    Raises:
        FileNotFoundError, ValueError: an input is missing or invalid, or there is too little memory.
        ModuleNotFoundError: a package that makes the corpus is not installed.
    """
    check_config_flags(arguments)
    torch.set_num_threads(arguments.threads)
    advice = "use a smaller batch, more accumulate, [machine] checkpointing = true, or a smaller model"
    with enough_memory("the model and its batch", advice):
        if arguments.config is not None:
            train(arguments.config, arguments.device, load_callback(arguments.callback))
        else:
            _train_preset(arguments)


def _train_preset(arguments: argparse.Namespace) -> None:
    """Trains on drawn heads."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError("expected --config FILE with torchrun, got a preset, which one process trains")
    out: Path = arguments.out
    codecs: Path = arguments.codecs or out
    own = out / "corpus"
    data: Path = arguments.data or own
    recipe = RECIPES[arguments.preset]
    clips = _or_recipe(arguments.clips, recipe.clips)
    stages = list(STAGES) if arguments.stage == "all" else [arguments.stage]
    if arguments.codecs is not None and "codecs" in stages:
        stages.remove("codecs")
    # What the last stage would refuse is refused before any work: a corpus takes hours.
    config, training = _asked(arguments, recipe)
    check_writable(out)
    if not codecs.is_dir() and arguments.codecs is not None:
        raise FileNotFoundError(f"expected a folder with codecs as --codecs, got none at {codecs}")
    config = (with_codecs if arguments.codecs is not None else with_codecs_to_be)(config, codecs)
    if data.resolve() != own.resolve():
        check_data(data, clips, own, partial(_read, stages, codecs))
    if "codecs" in stages:
        load_state(out / CHECKPOINT)
    if "model" in stages:
        for link in _links(out, codecs):
            check_link(link)
        with joined(arguments.device or "cpu"):
            check_started(out, config, training, clips, arguments.init)
        if arguments.init is not None:
            check_init(config, arguments.init)
    with alone(out, Ranks()):
        _run_stages(arguments, stages, data, codecs, clips, config, training)


def _run_stages(
    arguments: argparse.Namespace,
    stages: Collection[str],
    data: Path,
    codecs: Path,
    clips: int,
    config: JovaConfig,
    training: TrainConfig,
) -> None:
    """Runs the stages of a training of which everything has been checked that can be before."""
    out: Path = arguments.out
    if "corpus" in stages:
        make_corpus(data, clips, arguments.threads)
    if set(stages) != {"corpus"}:
        check_files(data, clips, partial(_read, stages, codecs))
    if "codecs" in stages:
        steps = _or_recipe(arguments.codec_steps, RECIPES[arguments.preset].codec_steps)
        train_codecs(data, out, steps, arguments.seed)
    if "latents" in stages:
        encode(data, codecs, clips)
    if "model" in stages:
        config = with_codecs(config, codecs)
        train_model(data, codecs, out, clips, config, training, arguments.init, arguments.device or "cpu")
        for link in _links(out, codecs):
            set_link(link, codecs / link.name)


def _read(stages: Collection[str], codecs: Path, split: str, items: list[Item]) -> list[Item]:
    """Returns those of a split's items whose clips the stages read: all for codecs, what is not encoded for latents."""
    if "codecs" in stages:
        return items
    return unencoded(items, codecs / "latents" / split) if "latents" in stages else []


def _links(out: Path, codecs: Path) -> list[Path]:
    """Returns where OUT has links to the codecs of another folder; nowhere if they are its own."""
    return [] if codecs.resolve() == out.resolve() else [out / name for name in FILES[1:]]


def check_started(out: Path, config: JovaConfig, training: TrainConfig, clips: int, init_from: Path | None) -> None:
    """Raises ValueError if the training in OUT was started otherwise or cannot go on; see `differences`, `to_resume`.

    The channels of the config are not compared: they are the codecs', which may have to be made yet.
    """
    init = RANDOM if init_from is None else digest_of_init(init_from)
    checkpoints = FileCheckpoints(out)
    if (about := checkpoints.about("model")) is None:
        to_resume(out, None, checkpoints, training)
        return
    before, now = about["training"], training.stored() | {"init": init, "clips": clips}
    if before.get("model") is not None:
        stored = JovaConfig.from_fields(**json.loads(before["model"]))
        same = replace(config, video_channels=stored.video_channels, audio_channels=stored.audio_channels)
        now |= {"model": json.dumps(asdict(same), sort_keys=True, default=str)}
    check_same(out, before, now)
    to_resume(out, about, checkpoints, training)


def _asked(arguments: argparse.Namespace, recipe: Recipe) -> tuple[JovaConfig, TrainConfig]:
    """Returns the preset's model, whose codecs are not known yet, and its training, with what flags change.

    Raises:
        ValueError: a flag has a wrong value, or they do not go together.
    """
    names = ("steps", "mouth_weight", "mouth_box", "edit_share", "precision", "seed")
    flags = {name: getattr(arguments, name) for name in names}
    training = replace(recipe.training, **{name: value for name, value in flags.items() if value is not None})
    fields: dict[str, Any] = {name: getattr(arguments, name) for name in ("fusion", "positions", "words", "task")}
    return replace(PRESETS[arguments.preset](words()), **fields, editing=training.edit_share > 0), training


def _or_recipe(flag: int | None, of_recipe: int) -> int:
    """Returns the value of a flag, or the recipe's where the flag was not given."""
    return of_recipe if flag is None else flag


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `python -m jova.train`; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m jova.train", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    add_train_flags(parser)
    arguments = parser.parse_args(argv)
    try:
        run(arguments)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        rank = os.environ.get("RANK", "0")
        who = "" if rank == "0" else f"rank {rank}: "  # What one rank alone met would be lost otherwise.
        print(f"jova.train: {who}{error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(stoppable("jova.train", main))
