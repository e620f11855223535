"""Trains every shipped evaluator from a folder dataset: `python -m evaluators --help`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from safetensors.numpy import save_file

from evaluators import tasks
from evaluators.data import Split, Track, read_split
from evaluators.fit import progress
from evaluators.validate import validation_rows
from jova_bench.digests import file_digest, shortened
from jova_bench.metrics.networks import embedded as nets

EVALUATORS: dict[str, Callable[[Split, int], tasks.Trained]] = {
    "syncnet-a": partial(tasks.syncnet, steps=420),
    "syncnet-b": partial(tasks.syncnet, steps=420),
    "mouth-reader": partial(tasks.mouth_reader, steps=400),
    "mouth-hearer": partial(tasks.mouth_hearer, steps=400),
    "look-classifier": partial(tasks.look_classifier, steps=250),
    "voice-classifier": partial(tasks.voice_classifier, steps=250),
    "video-embedder": partial(tasks.video_embedder, steps=350),
    "audio-embedder": partial(tasks.audio_embedder, steps=400),
}
FEATURES = "embedded-reference.safetensors"


def main() -> None:
    """Reads the splits, trains, writes the weights and reference features, prints the validation table."""
    parser = argparse.ArgumentParser(prog="python -m evaluators", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder dataset that trains the evaluators")
    parser.add_argument("--reference", type=Path, required=True, help="folder dataset of the reference features")
    parser.add_argument("--validation", type=Path, required=True, help="folder dataset of the table at the end")
    parser.add_argument("--out", type=Path, required=True, help=f"folder for the weights and {FEATURES}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=EVALUATORS, nargs="+", default=list(EVALUATORS), help="train only these")
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums of several threads differ in their last bits from run to run

    data = _read(options.data)
    for index, name in enumerate(EVALUATORS):
        if name in options.only:
            net, config = EVALUATORS[name](data, options.seed + index)
            nets.save(net, config, options.out / f"{name}.safetensors")
    networks = {name: nets.read(options.out / f"{name}.safetensors") for name in options.only}
    features = _reference_features(networks, options.reference, options.out)

    table = Table("measured on validation clips", "value")
    for what, value in validation_rows(networks, _read(options.validation), features):
        table.add_row(what, f"{value:.4f}")
    Console().print(table)


def _read(folder: Path) -> Split:
    with progress() as bar:
        track: Track = partial(bar.track, description=f"read {folder.name}")
        return read_split(folder, track)


def _reference_features(networks: dict[str, torch.nn.Module], folder: Path, out: Path) -> dict[str, np.ndarray]:
    """Embeds the reference split and writes the features beside the weights."""
    if not {"video-embedder", "audio-embedder"} <= set(networks):
        return {}
    split = _read(folder)
    with torch.inference_mode():
        video = [networks["video-embedder"](nets.pictures(one, "cpu")[None])[0].numpy() for one in split.frames]
        audio = [networks["audio-embedder"](torch.from_numpy(one)[None])[0].numpy() for one in split.mel]
    features = {"video": np.stack(video), "audio": np.stack(audio)}
    metadata = {
        "corpus": file_digest(folder / "prompts.jsonl"),
        "count": str(len(split)),
        **{f"{kind}_weights": shortened(file_digest(out / f"{kind}-embedder.safetensors")) for kind in features},
    }
    save_file(features, out / FEATURES, metadata)
    return features


if __name__ == "__main__":
    main()
