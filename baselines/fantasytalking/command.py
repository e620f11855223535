"""FantasyTalking through its own infer.py, which makes one film for each start (@8c2d0c9)."""

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
    values, persistent = item.job.arguments, int(options["persistent_parameters"])
    named = {
        "wan_model_dir": weights / "Wan2.1-I2V-14B-720P",
        "fantasytalking_model_path": weights / "fantasytalking_model.ckpt",
        "wav2vec_model_dir": weights / "wav2vec2-base-960h",
        "image_path": item.files["image"],
        "audio_path": item.files["audio"],
        "prompt": values["prompt"],
        "output_dir": folder / "out",
        "image_size": values["image_size"],
        "audio_scale": values["audio_scale"],
        "prompt_cfg_scale": values["prompt_guidance"],
        "audio_cfg_scale": values["audio_guidance"],
        "max_num_frames": values["max_frames"],
        "fps": values["fps"],
        "seed": seed,
    }
    # In one word, for a prompt may begin with a hyphen.
    flags = [f"--{name}={value}" for name, value in named.items()]
    return ["infer.py", *flags, *([f"--num_persistent_param_in_dit={persistent}"] if persistent >= 0 else [])]


def made(items: Sequence[BatchItem], seed: int, folder: Path, options: Options) -> list[Path]:
    """Returns the clip, which is named by time; a file without audio beside it remains if the last step failed."""
    films = sorted((folder / "out").glob("image_audio_*.mp4"))
    return films[:1] or [folder / "out" / "image_audio_TIME.mp4"]
