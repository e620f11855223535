"""Writes random networks of the published sizes, in their publishers' formats, and a table of assets that names them.

Two are planted, since what they say decides what is computed after them: S3FD sees a face in the middle of a picture
of `SIDE` pixels, and Whisper writes a line of `LINE` words and ends it.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from real_sizes import GROWN, SHAPES, XVECTORS, grown, read
from safetensors.torch import save_file

from jova_bench.assets import table as assets
from jova_bench.assets.records import sha256_of
from jova_bench.metrics.faces.s3fd import SCALE
from jova_bench.metrics.networks.s3fd import STRIDES, VARIANCES

SIDE, FACE = 512, 0.7
"""Pixels of a square picture, and the share of it that the planted face is wide."""
LINE, ENDS = 13, 250
"""Words that the planted Whisper writes, and the time at which they end, in steps of 0.02 s."""
State = dict[str, torch.Tensor]


def random_state(shapes: Mapping[str, Sequence[int]]) -> State:
    """Returns weights that keep activations in range: unit gain for matrices, scales near 1, no biases."""
    stream, state = torch.Generator().manual_seed(0), State()
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
        elif len(shape) >= 2:
            state[name] = torch.randn(shape, generator=stream) / math.sqrt(math.prod(shape[1:]))
        else:
            state[name] = torch.full(shape, float(name.endswith(("weight", "weight_g", "running_var"))))
    return state


def s3fd() -> State:
    """Returns a detector of which one cell of the coarsest map, whose prior box lies around it, is sure of a face."""
    state = random_state(grown(read("s3fd")["shapes"], GROWN["s3fd"]))
    for name in (name for name in state if name.startswith(("loc", "conf"))):
        state[name].zero_()
    for k in range(len(STRIDES)):
        state[f"conf.{k}.bias"][-1] = -9
    small, prior = SIDE * SCALE, 4 * STRIDES[-1]
    shift, size = (small - STRIDES[-1]) / 2 / prior, math.log(FACE * small / prior)
    state["loc.5.bias"] = torch.tensor([shift / VARIANCES[0]] * 2 + [size / VARIANCES[1]] * 2)
    state["conf.5.bias"][-1] = 9
    return state


def whisper() -> dict[str, Any]:
    """Returns large-v3 whose decoder adds nothing to its tokens but, at each place, the token that it is to write."""
    narrow = read("whisper")["cases"][1]
    state = random_state(grown(narrow["shapes"], GROWN["whisper"]))
    width, layers = 1280, 32
    for name in (
        name for name in state if re.search(r"^decoder\.blocks\.\d+\.(attn\.out|cross_attn\.out|mlp\.2)", name)
    ):
        state[name].zero_()
    words = torch.randn(narrow["dims"]["n_vocab"], width, generator=torch.Generator().manual_seed(1))
    first_time, end, asked = len(words) - 1501, 50257, 3
    line = [first_time, *range(1000, 1000 + LINE), first_time + ENDS, end]
    places = torch.zeros(448, width)
    places[asked - 1 : asked - 1 + len(line)] = 30 * words[line]
    state |= {"decoder.token_embedding.weight": words, "decoder.positional_embedding": places}
    sizes = {
        f"n_{part}_{what}": value for part in ("audio", "text") for what, value in (("state", width), ("head", 20))
    }
    sizes |= {"n_audio_layer": layers, "n_text_layer": layers, "n_text_ctx": 448}
    half = {name: value.half() for name, value in state.items()}
    return {"dims": narrow["dims"] | sizes, "model_state_dict": half}


def spelling_tokenizer(file: Path) -> None:
    """Writes a tokenizer of RoBERTa's kind, with letters for words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefghijklmnopqrstuvwxyz", "Ġ")
    spell = Tokenizer(models.BPE({word: n for n, word in enumerate(words)}, [], unk_token="<unk>"))
    spell.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    spell.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    spell.save(str(file))


def whisper_vocabulary(file: Path) -> None:
    """Writes a vocabulary in which token n says " n"."""
    said = (b" " if n == 220 else f" {n}".encode() for n in range(50257))
    file.write_text("".join(f"{base64.b64encode(token).decode()} {n}\n" for n, token in enumerate(said)))


def clip_vocabulary(file: Path) -> None:
    """Writes a few joins: texts have more tokens than with the published one, and are cut at 77 as there."""
    file.write_bytes(gzip.compress("\n".join(["#version: 0.2", *read("text_video")["joins"]]).encode()))


def audiobox_config(file: Path) -> None:
    """Writes the configuration of five layers over 13 hidden states for each rating."""
    file.write_text(json.dumps(read("aesthetics")["config"] | {"proj_num_layer": 5, "nth_layer": 13}))


HEARING = {
    "do_normalize": True, "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1,
    "padding_side": "right", "padding_value": 0.0, "return_attention_mask": True, "sampling_rate": 16_000,
}  # fmt: skip
NESTED: Mapping[str, Callable[[State], Any]] = {
    "amt-s": lambda state: {"epoch": 300, "state_dict": state},
    "panns-cnn14-16k": lambda state: {"iteration": 1, "model": state},
    "musiq-koniq": lambda state: {f"module.{name}": value for name, value in state.items()},
    "topiq-face": lambda state: {"params": state},
    "clap-music-speech-audioset": lambda state: {"state_dict": {f"module.{name}": state[name] for name in state}},
    "nisqa-v2": lambda state: {"args": {"ms_n_mels": 48}, "model_state_dict": state},
}
"""How a checkpoint lies in its file; by itself where it is not named."""
PLANTED: Mapping[str, Callable[[], Any]] = {"s3fd": s3fd, "whisper-large-v3": whisper}
OTHERS: Mapping[str, Callable[[Path], object]] = {
    "roberta-tokenizer": spelling_tokenizer,
    "whisper-vocabulary": whisper_vocabulary,
    "clip-vocabulary": clip_vocabulary,
    "audiobox-aesthetics-config": audiobox_config,
    "wavlm-base-plus-sv-config": lambda file: file.write_text(json.dumps(XVECTORS)),
    "wavlm-base-plus-sv-preprocessor": lambda file: file.write_text(json.dumps(HEARING)),
}
"""Files beside the networks."""


def write(folder: Path, metrics: Collection[str]) -> Path:
    """Writes the files that some metrics need, and a table of assets. Files that are there stay. Returns the table."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in (*SHAPES, *OTHERS):
        if not any(assets.published()[name].serves(metric, None) for metric in metrics):
            continue
        file = folder / assets.published()[name].file.replace("/", "-")
        if not file.is_file():
            part = file.with_suffix(".part")
            _write(name, part)
            part.rename(file)
        rows.append(f'[{name}]\nfile = "{file}"\nsha256 = "{sha256_of(file)}"\n')
    table = folder / "assets.toml"
    table.write_text("".join(rows))
    return table


def _write(name: str, file: Path) -> None:
    if name in OTHERS:
        OTHERS[name](file)
        return
    state = PLANTED[name]() if name in PLANTED else random_state(SHAPES[name]())
    if assets.published()[name].file.endswith(".safetensors"):
        save_file(state, file)
    else:
        torch.save(NESTED[name](state) if name in NESTED else state, file)
