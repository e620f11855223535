"""Folders of JoVA's weights: whether they can be used, their digest, and the name of a model that has them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from jova_bench.digests import shortened
from jova_bench.ids import safe_id


def name_with(weights: Path | None, name: str) -> str:
    """Returns a model's name, with that of the folder of a user's weights: `jova-mine` for `jova:runs/mine`."""
    return name if weights is None else safe_id(f"{name}-{weights.resolve().name}")


def missing_weights(folder: Path, files: Sequence[str]) -> str | None:
    """Returns which files are missing and the command that makes them; None if none is."""
    absent = [name for name in files if not (folder / name).is_file()]
    return f"weights missing: {', '.join(absent)} in {folder}: run jova-bench train" if absent else None


def unusable_weights(folder: Path, files: Sequence[str]) -> str | None:
    """Returns which files are missing, or the first that has another format; None where each is what its name says."""
    from jova.codecs import audio, video
    from jova.codecs.base import load_config
    from jova.pipeline import FILES
    from jova.transformer import read_config

    if missing := missing_weights(folder, files):
        return missing
    readers: tuple[Callable[[Path], object], ...] = (
        read_config,
        lambda path: load_config(path, video.KIND, video.VideoCodecConfig),
        lambda path: load_config(path, audio.KIND, audio.AudioCodecConfig),
    )
    try:
        for name, read in zip(FILES, readers, strict=True):
            if name in files:
                read(folder / name)
    except (ValueError, OSError) as error:
        return str(error)
    return None


@cache
def digest(folder: Path, files: tuple[str, ...]) -> str:
    """Returns 12 hex digits of the sha256 of the concatenated files."""
    total = hashlib.sha256()
    for name in files:
        total.update((folder / name).read_bytes())
    return shortened(total.hexdigest())
