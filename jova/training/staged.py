"""Trains what a training file says: its stages one after the other, on any number of ranks."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from jova.codecs.base import PictureCodec, SoundCodec
from jova.codecs.loading import load_audio_codec, load_video_codec
from jova.config import JovaConfig
from jova.data.shard_index import INDEX, WORDS, MadeBy, ShardIndex
from jova.files import check_link, check_writable, set_link
from jova.text.pretrained import TextEncoder
from jova.text.prompts import PromptEncoder
from jova.text.words import WordTokenizer
from jova.training.distributed import Ranks, alone, joined
from jova.training.machinery import Machinery
from jova.training.model import Trainer
from jova.training.runfile import preset_of, read_run_file
from jova.training.samples import Callback, Samples
from jova.training.shard_dataset import ShardDataset
from jova.training.tables import RunFile, Stage
from jova.training.trackers import tracker


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
    index = _checked(file, ranks)
    codecs = load_video_codec(file.codecs.video), load_audio_codec(file.codecs.audio, file.codecs.accept)
    encoder = PromptEncoder([TextEncoder(folder) for folder in file.text.encoders]) if file.text.encoders else None
    text = WORDS if encoder is None else encoder.fingerprint
    made_by = MadeBy(codecs[0].fingerprint, codecs[1].fingerprint, text)
    made_by.require(index.made_by, file.data.train / INDEX)
    config = model_config(file, codecs, index)
    reader = WordTokenizer(config.vocabulary, config.words_per_part) if encoder is None else encoder
    init = file.model.init
    for source in _sources(file, file.stages[0], made_by, reader):
        check_buckets(source, config)
        _ = source.text  # Words that the model lacks are an error before any step.
    for stage in file.stages:
        out = file.out / stage.name
        train_set, held_out = _sources(file, stage, made_by, reader)
        samples = (
            None
            if file.samples is None
            else Samples(file.samples, out, codecs, ranks, callback, reader, stage.training.precision)
        )
        with alone(out, ranks):
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


def _checked(file: RunFile, ranks: Ranks) -> ShardIndex:
    """Returns the index of the training's shards, after everything that can be checked before codecs are read.

    Raises:
        FileNotFoundError: shards are missing.
        ValueError: something cannot be written, ranks cannot split a batch, or a file is in the way of a link.
    """
    check_writable(file.out)
    for stage in file.stages:
        ranks.slices(stage.training.batch, stage.training.accumulate)
        for link in _links(file.out / stage.name, file):
            check_link(link)
    index, _ = (ShardIndex.read(folder) for folder in (file.data.train, file.data.validation))
    return index


def model_config(file: RunFile, codecs: tuple[PictureCodec, SoundCodec], index: ShardIndex) -> JovaConfig:
    """Returns the preset with the fields of the file, for its codecs and text encoders.

    The default clip is that of the bucket with the most clips.

    Raises:
        ValueError: the shards have several frame rates, or the preset needs text encoders that they lack.
    """
    rates = {str(bucket.clock.fps) for bucket in index.buckets.values()}
    if len(rates) > 1:
        raise ValueError(f"expected shards of one frame rate, got {', '.join(sorted(rates))}; prepare them with --fps")
    bucket = index.buckets[max(index.counts().items(), key=lambda one: one[1])[0]]
    video, audio = codecs
    preset = preset_of(file.model, index.text_channels)
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


def _sources(
    file: RunFile, stage: Stage, made_by: MadeBy, reader: WordTokenizer | PromptEncoder
) -> tuple[ShardDataset, ShardDataset]:
    """Returns the clips of a stage, for training and validation."""
    tokenizer, box = reader if isinstance(reader, WordTokenizer) else None, stage.training.mouth_box
    return (
        ShardDataset(file.data.train, made_by, tokenizer, box),
        ShardDataset(file.data.validation, made_by, tokenizer, box),
    )


def check_buckets(source: ShardDataset, config: JovaConfig) -> None:
    """Raises ValueError if shards have clips that the model cannot take."""
    limits = config.learned_positions
    for name, bucket in source.index.buckets.items():
        frames, *sides = bucket.video[:3]
        if bucket.clock.fps != config.timeline.fps:
            raise ValueError(f"expected shards of {config.timeline.fps} frames a second, got {name} in {source.folder}")
        if any(side % config.patch for side in sides):
            got = f"{sides[0]} x {sides[1]} in {name} of {source.folder}"
            raise ValueError(f"expected sides of latents in multiples of patch = {config.patch} cells, got {got}")
        grid = (frames, *(side // config.patch for side in sides))
        if limits and any(count > most for count, most in zip(grid, limits, strict=True)):
            raise ValueError(f"expected clips of at most {limits} tokens, the learned_positions, got {grid} in {name}")


def link_parts(out: Path, file: RunFile) -> None:
    """Links the codecs and text encoders into the folder of a stage, which is then that of a whole model."""
    out.mkdir(parents=True, exist_ok=True)
    for link, target in _links(out, file).items():
        if target is not None:
            set_link(link, target)
        elif link.is_symlink():  # of a codec of another form, in place of which this one has come
            link.unlink()


def _links(out: Path, file: RunFile) -> dict[Path, Path | None]:
    """Returns what each name of a part in the folder of a stage is to be a link to; None for nothing."""
    links: dict[Path, Path | None] = {}
    for name, path in (("video-codec", file.codecs.video), ("audio-codec", file.codecs.audio)):
        links[out / f"{name}.safetensors"], links[out / name] = (path, None) if path.is_file() else (None, path)
    encoders = enumerate(file.text.encoders, 1)
    return links | {out / (f"text-encoder-{n}" if n > 1 else "text-encoder"): path for n, path in encoders}


def _settings(stage: Stage, config: JovaConfig) -> dict[str, str]:
    values = stage.training.stored() | {"model": json.dumps(asdict(config), sort_keys=True, default=str)}
    return {name: str(value)[:500] for name, value in values.items()}
