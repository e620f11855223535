"""Wan2.2-S2V through its own generate.py, which generates one video per run (@42bf4cf)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jova_baselines.external.command import BatchItem
from jova_baselines.external.manifest import Options


def together(items: Sequence[BatchItem]) -> bool:
    """Returns whether there is one item: the upstream generates one clip per run."""
    return len(items) == 1


def arguments(items: Sequence[BatchItem], seed: int, folder: Path, weights: Path, options: Options) -> list[str]:
    """Returns the arguments of one item, all of them: the upstream's defaults are its example inputs."""
    (item,) = items
    values = item.job.arguments
    named = {
        "task": "s2v-14B",
        "size": options["size"],
        "ckpt_dir": weights / "Wan2.2-S2V-14B",
        "offload_model": values["offload"],
        "prompt": values["prompt"],
        "image": item.files["image"],
        "audio": item.files["audio"],
        "base_seed": seed,
        "num_clip": values["clips"],
        "sample_solver": values["solver"],
        "sample_steps": values["steps"],
        "sample_shift": values["shift"],
        "sample_guide_scale": values["guidance"],
        "save_file": folder / "out" / "film.mp4",
    }
    # In one word, for a prompt may begin with a hyphen.
    flags = [f"--{name}={value}" for name, value in named.items()]
    return ["generate.py", *flags, *(["--convert_model_dtype"] if options["convert_dtype"] else [])]


def made(items: Sequence[BatchItem], seed: int, folder: Path, options: Options) -> list[Path]:
    """Returns the expected clip; the upstream exits with 0 even if it could not write it."""
    return [folder / "out" / "film.mp4"]
