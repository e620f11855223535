"""Trains what a training file says: its stages one after the other, on any number of ranks."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from jova.codecs.base import PictureCodec, SoundCodec
from jova.codecs.loading import load_audio_codec, load_video_codec
from jova.config import PRESETS, JovaConfig
from jova.data.shard_index import INDEX, WORDS, MadeBy, ShardIndex
from jova.sizes import sized
from jova.text.pretrained import TextEncoder
from jova.text.prompts import PromptEncoder
from jova.text.words import WordTokenizer
from jova.training.distributed import Ranks, joined
from jova.training.machinery import Machinery
from jova.training.model import Trainer
from jova.training.runfile import RunFile, Stage, read_run_file
from jova.training.samples import Callback, Samples
from jova.training.shard_dataset import ShardDataset
from jova.training.trackers import tracker
from jova.transformer import read_config


def train(path: Path, device: str | None = None, callback: Callback | None = None) -> Path:
    """Trains the stages of a file; returns the folder of the last, which is that of a model.

    The same call resumes a training that was stopped. Stages that have ended are skipped.

    Args:
        path: of the file.
        device: cpu, cuda or cuda:i; None for cuda where there is a GPU.
        callback: scores the folder of the clips that are made meanwhile; called in rank 0.

    Raises:
        FileNotFoundError, ValueError: the file or something that it names is missing or wrong.
        ModuleNotFoundError: a package is not installed.
    """
    file = read_run_file(path)
    with joined(device) as ranks:
        return _train(file, ranks, callback)


def _train(file: RunFile, ranks: Ranks, callback: Callback | None) -> Path:
    codecs = load_video_codec(file.codecs.video), load_audio_codec(file.codecs.audio, file.codecs.accept)
    encoder = PromptEncoder([TextEncoder(folder) for folder in file.text.encoders]) if file.text.encoders else None
    text = WORDS if encoder is None else encoder.fingerprint
    made_by = MadeBy(codecs[0].fingerprint, codecs[1].fingerprint, text)
    made_by.require((index := ShardIndex.read(file.data.train)).made_by, file.data.train / INDEX)
    config = model_config(file, codecs, index)
    reader = WordTokenizer(config.vocabulary, config.words_per_part) if encoder is None else encoder
    init = file.model.init
    for stage in file.stages:
        out = file.out / stage.name
        train_set, held_out = (
            ShardDataset(
                folder, made_by, reader if isinstance(reader, WordTokenizer) else None, stage.training.mouth_box
            )
            for folder in (file.data.train, file.data.validation)
        )
        samples = (
            None
            if file.samples is None
            else Samples(file.samples, out, codecs, ranks, callback, reader, stage.training.precision)
        )
        machinery = Machinery(
            ranks,
            checkpointing=file.machine.checkpointing,
            compiled=file.machine.compile,
            shards=True,
            peak_flops=file.machine.peak_flops,
            watch=samples,
            watch_every=0 if file.samples is None else file.samples.every,
            report=tracker(file.log.to, out, _settings(stage, config)) if ranks.leads else None,
        )
        stage_config = replace(config, editing=config.editing or stage.training.edit_share > 0)
        trainer = Trainer(stage_config, stage.training, out, init, machinery, asdict(made_by))
        if ranks.leads:
            link_parts(out, file)
        trainer.fit(train_set, held_out)
        init = out
        del trainer  # before the next takes memory
    return init or file.out


def model_config(file: RunFile, codecs: tuple[PictureCodec, SoundCodec], index: ShardIndex) -> JovaConfig:
    """Returns the preset with the fields of the file, for its codecs and text encoders.

    The default clip is that of the bucket with the most clips.

    Raises:
        ValueError: the shards have several frame rates, or the preset needs text encoders that they lack.
    """
    from jova.data.vocabulary import words

    rates = {str(bucket.clock.fps) for bucket in index.buckets.values()}
    if len(rates) > 1:
        raise ValueError(f"expected shards of one frame rate, got {', '.join(sorted(rates))}; prepare them with --fps")
    bucket = index.buckets[max(index.counts().items(), key=lambda one: one[1])[0]]
    video, audio = codecs
    if file.model.preset is None:
        preset = read_config(file.model.init or Path())  # one of the two is there
    elif file.model.preset in PRESETS:
        preset = PRESETS[file.model.preset](words())
        if index.text_channels:
            preset = replace(preset, vocabulary=(), text_channels=index.text_channels, words="free")
    elif index.text_channels:
        preset = sized(file.model.preset, index.text_channels)
    else:
        raise ValueError(f"expected [text] encoders for the preset {file.model.preset}, got none")
    return replace(
        preset,
        timeline=bucket.clock,
        video_channels=video.channels,
        latent_height=bucket.video[1],
        latent_width=bucket.video[2],
        pixels_per_cell=video.pixels_per_cell,
        audio_channels=audio.channels,
        **file.model.fields,
    )


def link_parts(out: Path, file: RunFile) -> None:
    """Links the codecs and text encoders into the folder of a stage, which is then that of a whole model."""
    out.mkdir(parents=True, exist_ok=True)
    parts = {"video-codec": file.codecs.video, "audio-codec": file.codecs.audio}
    parts |= {f"text-encoder-{n}" if n > 1 else "text-encoder": path for n, path in enumerate(file.text.encoders, 1)}
    for name, path in parts.items():
        link = out / (f"{name}.safetensors" if path.is_file() else name)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(path.resolve(), out.resolve()))


def _settings(stage: Stage, config: JovaConfig) -> dict[str, str]:
    values = stage.training.stored() | {"model": json.dumps(asdict(config), sort_keys=True, default=str)}
    return {name: str(value)[:500] for name, value in values.items()}
