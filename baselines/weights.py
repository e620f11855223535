"""Folders of JoVA's weights: whether they can be used, their digest, and the name of a model that has them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from jova_bench.digests import shortened
from jova_bench.ids import safe_id

Stamps = tuple[tuple[Path, int, int, int, int], ...]


def name_with(weights: Path | None, name: str) -> str:
    """Returns a model's name, with that of the folder of a user's weights: `jova-mine` for `jova:runs/mine`."""
    return name if weights is None else safe_id(f"{name}-{weights.resolve().name}")


def missing_weights(folder: Path, with_model: bool = True) -> str | None:
    """Returns which parts of a model are missing and the command that makes them; None if none is.

    Raises:
        ValueError: the model's file is none, or there are two of one part.
    """
    from jova.parts import NAMES, missing_parts

    absent = missing_parts(folder, NAMES if with_model else NAMES[1:])
    return f"weights missing: {', '.join(absent)} in {folder}: run jova-bench train" if absent else None


def unusable_weights(folder: Path, with_model: bool = True) -> str | None:
    """Returns which parts are missing, or the first that has another format; None where each is what its name says."""
    from jova.codecs import audio, video
    from jova.codecs.base import load_config
    from jova.parts import find_codecs

    try:
        if missing := missing_weights(folder, with_model):
            return missing
        video_codec, audio_codec = find_codecs(folder)
        if video_codec.is_file():
            load_config(video_codec, video.KIND, video.VideoCodecConfig)
        if audio_codec.is_file():
            load_config(audio_codec, audio.KIND, audio.AudioCodecConfig)
    except (ValueError, OSError) as error:
        return str(error)
    return None


def digest_of_parts(folder: Path, with_model: bool = True) -> str:
    """Returns 12 hex digits of the digest of all that decides a model's clips, or of its codecs alone."""
    from jova.parts import files_of_codecs, find_codecs, find_parts

    if not with_model:
        return _of_parts(folder, with_model, _stamps(files_of_codecs(*find_codecs(folder))))
    parts = find_parts(folder)
    texts = (path for one in parts.text_encoders for path in sorted(one.rglob("*")))
    files = (parts.model, *files_of_codecs(parts.video_codec, parts.audio_codec), *texts)
    return _of_parts(folder, with_model, _stamps(files))


def digest(folder: Path, files: tuple[str, ...]) -> str:
    """Returns 12 hex digits of the sha256 of the concatenated files."""
    paths = tuple(folder / name for name in files)
    return _of_files(paths, _stamps(paths))


def accepted() -> list[str]:
    """Returns the licence terms that the user accepts: words of the environment variable JOVA_BENCH_ACCEPT."""
    return os.environ.get("JOVA_BENCH_ACCEPT", "").split()


def _stamps(files: Iterable[Path]) -> Stamps:
    """Returns what changes with the content of files: a training writes better weights under the same names."""
    found = ((path, path.stat()) for path in files)
    return tuple((path, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino) for path, about in found)


@cache
def _of_parts(folder: Path, with_model: bool, stamps: Stamps) -> str:
    from jova.parts import digest_of, files_of_codecs, find_codecs, find_parts

    whole = find_parts(folder).digest() if with_model else digest_of(files_of_codecs(*find_codecs(folder)))
    return shortened(whole)


@cache
def _of_files(paths: tuple[Path, ...], stamps: Stamps) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return shortened(total.hexdigest())
