"""Parts of a folder of a trained model: they have fixed names, and what each is, its content says.

    jova-tiny.safetensors       the model, of any size, as trainings write it; or jova.safetensors
    video-codec.safetensors     or a folder video-codec, in the format of the codec's upstream
    audio-codec.safetensors     or a folder audio-codec
    text-encoder                folders text-encoder, text-encoder-2, ...: one for each encoder that the model reads;
                                none for a model that has a vocabulary
    sampling.json               defaults of sampling, see `jova.sampling`; may be missing

A folder may be a link to where an upstream's pipeline is stored, of which the parts that are needed are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jova.codecs.loading import kind_of
from jova.text import TextEncoder
from jova.transformer import read_config

MODEL_FILE, VIDEO_CODEC_FILE, AUDIO_CODEC_FILE = "jova-tiny", "video-codec", "audio-codec"
FILES = tuple(f"{name}.safetensors" for name in (MODEL_FILE, VIDEO_CODEC_FILE, AUDIO_CODEC_FILE))
"""Files of a folder of weights whose codecs are of our own: the model, the video codec and the audio codec."""

NAMES = ((FILES[0], "jova.safetensors"), (FILES[1], VIDEO_CODEC_FILE), (FILES[2], AUDIO_CODEC_FILE))
"""Names that each of the three may have."""

NETWORK_FILES = (".json", ".safetensors")
"""Endings of the files of a codec in a folder."""


class Parts(NamedTuple):
    """Where the parts of a model are."""

    model: Path
    video_codec: Path
    """A file, or a folder."""
    audio_codec: Path
    text_encoders: tuple[Path, ...]
    """A folder for each encoder, in the order of the model's `text_channels`."""

    def digest(self) -> str:
        """Returns the sha256 of everything that decides a clip, in hex; takes seconds per GB."""
        texts = [TextEncoder(path).fingerprint for path in self.text_encoders]
        return digest_of([self.model, *files_of_codecs(self.video_codec, self.audio_codec)], texts)


def find_parts(folder: Path) -> Parts:
    """Finds the parts of a folder of a trained model.

    Raises:
        FileNotFoundError: one is missing.
        ValueError: there are two of one kind, or the model's file is none.
    """
    if missing := missing_parts(folder):
        raise FileNotFoundError(f"expected a trained model in {folder}, got no {', '.join(missing)}")
    model, video, audio = (_one_of(folder, names) or folder for names in NAMES)
    return Parts(model, video, audio, tuple(_text_folders(folder, model)))


def find_model(folder: Path) -> Path | None:
    """Finds the model's file in a folder, which may have codecs alone."""
    return _one_of(folder, NAMES[0])


def find_codecs(folder: Path) -> tuple[Path, Path]:
    """Finds the video and the audio codec in a folder of a trained model; errors are those of `find_parts`."""
    if missing := missing_parts(folder, NAMES[1:]):
        raise FileNotFoundError(f"expected codecs in {folder}, got no {', '.join(missing)}")
    video, audio = (_one_of(folder, names) or folder for names in NAMES[1:])
    return video, audio


def missing_parts(folder: Path, wanted: Sequence[tuple[str, ...]] = NAMES) -> list[str]:
    """Returns the names of the parts that a folder lacks, each with where its link leads, if there is one.

    Args:
        folder: of a trained model.
        wanted: parts of `NAMES`; with the model, its text encoders.

    Raises:
        ValueError: there are two of one kind, or the model's file is none.
    """
    missing = [_lacking(folder, names) for names in wanted if _one_of(folder, names) is None]
    if NAMES[0] in wanted and (model := _one_of(folder, NAMES[0])) is not None:
        missing += [_lacking(folder, [path.name]) for path in _text_folders(folder, model) if not path.is_dir()]
    return missing


def files_of_codecs(video_codec: Path, audio_codec: Path) -> list[Path]:
    """Returns the files that are read of two codecs, each of which is a file or a folder."""
    video, audio = kind_of(video_codec, "vae")[1], kind_of(audio_codec, "audio_vae")[1]
    files = [video] if video.is_file() else _network_files(video)
    if audio.is_file():
        return [*files, audio]
    whole = audio.parent
    return [*files, *_network_files(audio), *_network_files(whole / "vocoder"), *whole.glob("latents.safetensors")]


def digest_of(files: Sequence[Path], texts: Sequence[str] = ()) -> str:
    """Returns the sha256 of files and of the fingerprints of text encoders, in hex.

    That of files in one folder is of their bytes, one after the other, as weights of our own codecs always had it; else
    of the names and digests of all.
    """
    if len({path.parent for path in files}) == 1 and not texts:
        return _digest_of_bytes(files)
    parts = [[path.name, _digest_of_bytes([path])] for path in files]
    return hashlib.sha256(json.dumps([parts, [*texts]]).encode()).hexdigest()


def _digest_of_bytes(files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 24):
                total.update(block)
    return total.hexdigest()


def _network_files(folder: Path) -> list[Path]:
    """Returns config and weights of a network in a folder."""
    return sorted(path for path in folder.iterdir() if path.suffix in NETWORK_FILES)


def _one_of(folder: Path, names: Sequence[str]) -> Path | None:
    """Returns the one of several names that a folder has; None if it has none of them."""
    found = [folder / name for name in names if (folder / name).exists()]
    if len(found) > 1:
        raise ValueError(f"expected one of {' and '.join(names)} in {folder}, got both; take one out")
    return found[0] if found else None


def _lacking(folder: Path, names: Sequence[str]) -> str:
    """Returns the first of the names of a part that is missing, or that of a link that leads nowhere, and where to."""
    link = next((path for path in (folder / name for name in names) if path.is_symlink()), None)
    return names[0] if link is None else f"{link.name} (it is a link to {link.resolve()}, where nothing is)"


def _text_folders(folder: Path, model: Path) -> list[Path]:
    """Returns the folders that the text encoders of a model have to be in."""
    count = len(read_config(model).text_channels)
    return [folder / ("text-encoder" if number == 1 else f"text-encoder-{number}") for number in range(1, count + 1)]
