"""Ovi through its own inference.py: a configuration and a table of prompts in, films out (@5b69b25)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

from jova_baselines.external.command import BatchItem
from jova_baselines.external.manifest import Options

NAME_LENGTH = 50
"""Characters of the prompt in a file name: prompts that share them write the same file."""


def together(items: Sequence[BatchItem]) -> bool:
    """Returns whether all items have an image or none has, and no two write the same file."""
    images = [item.files.get("image") for item in items]
    return all(images) == any(images) and len({_stem(item) for item in items}) == len(items)


def arguments(items: Sequence[BatchItem], seed: int, folder: Path, weights: Path, options: Options) -> list[str]:
    """Writes the configuration and the table of prompts of a batch; returns the arguments."""
    images = [item.files.get("image", "") for item in items]
    with (folder / "prompts.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text_prompt", "image_path"])
        table.writerows([item.job.arguments["prompt"], image or ""] for item, image in zip(items, images, strict=True))
    first = items[0].job.arguments
    configuration = {
        "ckpt_dir": str(weights),
        "output_dir": str(folder / "out"),
        "model_name": options["variant"],
        "mode": "i2v" if all(images) else "t2v",
        "text_prompt": str(folder / "prompts.csv"),
        "video_frame_height_width": first["size"],
        "sample_steps": first["steps"],
        "solver_name": first["solver"],
        "shift": first["shift"],
        "seed": seed,
        "video_guidance_scale": first["video_guidance"],
        "audio_guidance_scale": first["audio_guidance"],
        "slg_layer": first["slg_layer"],
        "video_negative_prompt": first["video_negative_prompt"],
        "audio_negative_prompt": first["audio_negative_prompt"],
        "cpu_offload": options["cpu_offload"],
        "qint8": options["qint8"],
        "each_example_n_times": 1,
        "sp_size": 1,
    }
    # Every JSON file is a YAML file.
    (folder / "ovi.json").write_text(json.dumps(configuration, indent=1), encoding="utf-8")
    return ["inference.py", "--config-file", str(folder / "ovi.json")]


def made(items: Sequence[BatchItem], seed: int, folder: Path, options: Options) -> list[Path]:
    """Returns the clips, named by prompt, requested size (not the generated one), seed and rank."""
    size = f"{options['height']}x{options['width']}"
    return [folder / "out" / f"{_stem(item)}_{size}_{seed}_0.mp4" for item in items]


def _stem(item: BatchItem) -> str:
    """Returns the upstream's file name for a prompt: without tags, spaces or slashes, and truncated."""
    words = re.sub(r"<.*?>", "", str(item.job.arguments["prompt"]))
    return words.replace(" ", "_").replace("/", "_")[:NAME_LENGTH]
