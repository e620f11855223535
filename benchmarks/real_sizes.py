"""Lists the shapes of published checkpoints, for benchmarks: what a network costs needs its sizes, not its training.

Names are those of `tests/parity/data`, where networks are narrow; here their widths and layers are brought to the
published ones (`GROWN`). The sizes of the published files prove them (`tests/unit/benchmarks/test_clips_per_hour.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import nn

DATA = Path(__file__).parents[1] / "tests" / "parity" / "data"
Shapes = dict[str, list[int]]


class Growth(NamedTuple):
    """How narrow shapes become the published ones."""

    widths: Sequence[tuple[str, Mapping[int, int] | int]]
    """Pattern of names, and what becomes of each side: by its length, or a factor for all; the first match counts."""
    layers: Mapping[str, int] = {}
    """Number of layers by what stands before their index."""


def grown(shapes: Mapping[str, Sequence[int]], growth: Growth) -> Shapes:
    """Returns shapes with other widths and as many layers; further layers are as the last one."""
    found: Shapes = {}
    for name, shape in shapes.items():
        rule = next((rule for pattern, rule in growth.widths if re.search(pattern, name)), {})
        found[name] = [side * rule if isinstance(rule, int) else rule.get(side, side) for side in shape]
    for before, count in growth.layers.items():
        layer = re.compile(re.escape(before) + r"(\d+)(\..*)")
        there = {name: (int(match[1]), match[2]) for name in found if (match := layer.fullmatch(name))}
        last = max(number for number, _ in there.values())
        copied = {rest: found[name] for name, (number, rest) in there.items() if number == last}
        found |= {f"{before}{k}{rest}": shape for k in range(last + 1, count) for rest, shape in copied.items()}
    return found


VISION, TEXT = "vision_model.encoder.layers.", "text_model.encoder.layers."
WAV2VEC = {"pos_conv.0.weight_v": [768, 48, 128], "pos_conv.0.weight_g": [1, 1, 128]}
WORDS = {540: 49408}
CLIP_TEXT = ("^text_", {128: 512, 512: 2048, 16: 512, **WORDS})
GROWN: Mapping[str, Growth] = {
    "musiq": Growth([("", {24: 384, 36: 1152})], {"transformer_encoder.transformer.encoderblock_": 14}),
    "clip-l14": Growth(
        [("^vision|^visual", {128: 1024, 512: 4096, 48: 768, 17: 257}), ("", {128: 768, 512: 3072, 16: 768, **WORDS})],
        {VISION: 24, TEXT: 12},
    ),
    "clip-b32": Growth([CLIP_TEXT, ("", {64: 768, 256: 3072, 16: 512, 5: 50})], {VISION: 12, TEXT: 12}),
    "dino": Growth([("", {128: 768, 384: 2304, 512: 3072})], {"blocks.": 12}),
    "imagebind": Growth(
        [
            ("heads.vision", {32: 1280, 16: 1024}),
            ("heads.audio", {24: 768, 16: 1024}),
            ("vision", {32: 1280, 96: 3840, 128: 5120}),
            ("audio", {24: 768, 72: 2304, 96: 3072}),
            ("text", {32: 1024, 96: 3072, 128: 4096, 16: 1024, **WORDS}),
        ],
        {f"modality_trunks.{sense}.blocks.": count for sense, count in (("vision", 32), ("audio", 12), ("text", 24))},
    ),
    "synchformer": Growth(
        [("", {24: 768, 72: 2304, 96: 3072})],
        {"vfeat_extractor.blocks.": 12, "afeat_extractor.ast.encoder.layer.": 12},
    ),
    "utmos": Growth(
        [
            ("^(domain|judge)_emb", {8: 128, 6: 128}),
            ("^blstm", {48: 2048, 142: 1024, 12: 512}),
            ("^projection", {20: 2048, 24: 1024}),
            ("", {16: 512, 128: 768, 48: 3072}),
        ],
        {"wav2vec2.encoder.layers.": 12},
    ),
    "audiobox": Growth(
        [
            ("grep_a", {2: 12}),
            ("relative_attention_bias", {2: 12}),
            ("grep_linear", {16: 64}),
            ("^layer_weights", {3: 13}),
            ("", {24: 512, 32: 768, 48: 3072}),
        ],
        {"wavlm_model.encoder.layers.": 12},
    ),
    "clap": Growth(
        [
            ("relative_position_bias", {1: 4, 2: 8, 4: 16}),
            ("patch_embed.proj", {8: 128}),
            ("tscam", {7: 527, 64: 1024}),
            ("audio_branch.head", {7: 527}),
            ("bn0", {}),
            ("^audio_branch", 16),
            ("^text_projection.0", {32: 512, 64: 768}),
            ("^audio_projection.0", {32: 512, 64: 1024}),
            ("transform|projection", {32: 512}),
            ("^text_branch", {64: 768, 96: 3072, 100: 50265, 82: 514}),
        ],
        {"audio_branch.layers.2.blocks.": 12, "text_branch.encoder.layer.": 12},
    ),
    "whisper": Growth(
        [("", {16: 1280, 64: 5120, 24: 448})],
        {"encoder.blocks.": 32, "decoder.blocks.": 32},
    ),
    "s3fd": Growth([("^(loc|conf)", {16: 256, 32: 512, 64: 1024}), ("", {4: 64, 8: 128, 16: 256, 32: 512, 64: 1024})]),
    "topiq": Growth(
        [
            ("_emb$", {64: 128}),
            ("score_linear|attn", {128: 256, 384: 768, 512: 1024}),
            ("", {}),
        ]
    ),
}


def read(name: str) -> Any:
    """Returns what a file of parity holds."""
    return json.loads((DATA / f"{name}.json").read_text())


def clip(name: str) -> Shapes:
    """Returns both halves of a CLIP."""
    both = read("text_video")["clip"]
    if name == "clip-l14":
        both = {key: shape for key, shape in both.items() if key.startswith("text_")} | read("aesthetic")["shapes"][
            "clip"
        ]
    return grown(both, GROWN[name])


def imagebind() -> Shapes:
    """Returns what is asked for pictures, sounds and texts; the published file has three more senses."""
    narrow = {name: shape for name, shape in read("imagebind")["shapes"].items() if ".depth." not in name}
    return grown(narrow | read("text_video")["imagebind"], GROWN["imagebind"])


def speech(name: str, shapes: Shapes) -> Shapes:
    """Returns a wav2vec 2.0 with its encoding of places."""
    wide = grown(shapes, GROWN[name])
    return {key: next((new for end, new in WAV2VEC.items() if key.endswith(end)), shape) for key, shape in wide.items()}


def audiobox() -> Shapes:
    """Returns WavLM and four hidden layers for each of the four ratings."""
    wide = speech("audiobox", read("aesthetics")["shapes"])
    for axis in ("CE", "CU", "PC", "PQ"):
        head = f"proj_layer.{axis}"
        last = {part: wide.pop(f"{head}.8.{part}") for part in ("weight", "bias")}
        for place in (8, 12):
            wide |= {f"{head}.{place + k}.{part}": wide[f"{head}.{k}.{part}"] for k in (0, 1) for part in last}
        wide |= {f"{head}.16.{part}": shape for part, shape in last.items()}
    return wide


def i3d() -> Shapes:
    """Returns convolutions of full width, and norms as wide as they are."""
    full = read("i3d")["full_shapes"]

    def shape(name: str, narrow: list[int]) -> list[int]:
        return narrow if not narrow else full.get(name) or full[f"{name.split('.bn.')[0]}.conv3d.weight"][:1]

    return {name: shape(name, narrow) for name, narrow in read("i3d")["shapes"].items()}


def resnet50(narrow: Mapping[str, list[int]]) -> Shapes:
    """Returns the shapes of ResNet-50 (He et al. 2015, table 1) under the names of a narrow one's."""
    found = {name: narrow[name] for name in narrow if not name.startswith("layer")}
    before = 64
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        width = 32 * 2**stage
        for block in range(blocks):
            at = f"layer{stage}.{block}"
            sides = {"conv1": [width, before, 1, 1], "conv2": [width, width, 3, 3], "conv3": [4 * width, width, 1, 1]}
            if block == 0:
                sides["downsample.0"] = [4 * width, before, 1, 1]
            for layer, shape in sides.items():
                norm = "downsample.1" if layer == "downsample.0" else layer.replace("conv", "bn")
                found[f"{at}.{layer}.weight"] = shape
                found |= {
                    f"{at}.{norm}.{part}": shape[:1] for part in ("weight", "bias", "running_mean", "running_var")
                }
                found[f"{at}.{norm}.num_batches_tracked"] = []
            before = 4 * width
    return found


def topiq() -> Shapes:
    """Returns CFANet on ResNet-50, 256 wide, as pyiqa's defaults are."""
    narrow, inside = read("topiq")["shapes"]["face"], "semantic_model."
    found = grown(narrow, GROWN["topiq"])
    found |= {f"{inside}{name}": shape for name, shape in resnet50(_part(found, inside)).items()}
    for level, width in enumerate((64, 256, 512, 1024, 2048)):
        found |= {f"dim_reduce.{level}.0.weight": [256, width, 1, 1], f"dim_reduce.{level}.0.bias": [256]}
        found |= {f"weight_pool.{level}.splitconv.weight": [2 * width, width, 1, 1]}
        found |= {f"weight_pool.{level}.splitconv.bias": [2 * width]}
        found |= {f"weight_pool.{level}.weight_blk.0.weight": [64, width, 1, 1]}
    return found


def _part(shapes: Shapes, prefix: str) -> Shapes:
    return {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}


def shapes_of(net: nn.Module) -> Shapes:
    """Returns the shapes of what a network keeps."""
    return {name: list(value.shape) for name, value in net.state_dict().items()}


def facenet() -> Shapes:
    """Returns FaceNet and the classifier that its file has."""
    from jova_bench.metrics.networks.facenet import FaceNet

    return shapes_of(FaceNet()) | {"logits.weight": [8631, 512], "logits.bias": [8631]}


def syncnet() -> Shapes:
    """Returns SyncNet as published."""
    from jova_bench.metrics.networks.syncnet import SyncNet

    return shapes_of(SyncNet((64, 192, 384, 256, 256, 512), (96, 256, 256, 256, 256, 512), 512, 1024))


def wavlm() -> Shapes:
    """Returns WavLM base+ with x-vectors, under the names that torch's older weight norm gave."""
    from transformers import WavLMConfig, WavLMForXVector

    shapes = shapes_of(WavLMForXVector(WavLMConfig(**XVECTORS)))
    older = (("parametrizations.weight.original0", "weight_g"), ("parametrizations.weight.original1", "weight_v"))
    for new, old in older:
        shapes = {name.replace(new, old): shape for name, shape in shapes.items()}
    return shapes


XVECTORS = {"tdnn_dim": [512, 512, 512, 512, 1500], "xvector_output_dim": 512, "use_weighted_layer_sum": True}
SHAPES: Mapping[str, Callable[[], Shapes]] = {
    "musiq-koniq": lambda: grown(read("aesthetic")["shapes"]["musiq"], GROWN["musiq"]),
    "clip-vit-l14": lambda: clip("clip-l14"),
    "clip-vit-b32": lambda: clip("clip-b32"),
    "laion-aesthetic": lambda: grown(read("aesthetic")["shapes"]["laion"], Growth([("", {48: 768})])),
    "dino-vitb16": lambda: grown(read("vbench")["dino"], GROWN["dino"]),
    "imagebind-huge": imagebind,
    "synchformer": lambda: grown(read("desync")["shapes"], GROWN["synchformer"]),
    "utmos22-strong": lambda: speech("utmos", read("utmos")["shapes"]),
    "audiobox-aesthetics": audiobox,
    "clap-music-speech-audioset": lambda: grown(read("clap")["cases"]["plain"]["shapes"], GROWN["clap"]),
    "topiq-face": topiq,
    "i3d": i3d,
    "vggish": lambda: read("vggish")["full_shapes"],
    "panns-cnn14-16k": lambda: read("panns")["full_shapes"],
    "passt": lambda: read("passt")["full_shapes"],
    "raft-things": lambda: read("raft")["shapes"],
    "amt-s": lambda: read("amt")["shapes"],
    "nisqa-v2": lambda: read("nisqa")["shapes"],
    "facenet-vggface2": facenet,
    "syncnet": syncnet,
    "wavlm-base-plus-sv": wavlm,
    "s3fd": lambda: grown(read("s3fd")["shapes"], GROWN["s3fd"]),
    "whisper-large-v3": lambda: grown(read("whisper")["cases"][1]["shapes"], GROWN["whisper"]),
}
"""Shapes of each checkpoint."""
