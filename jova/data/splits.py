"""The two splits that a preset trains on: what there is of them, what lacks, and what is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jova.data import missing_packages
from jova.data.folder import AGAIN, Item, read_folder

if TYPE_CHECKING:
    from jova.data.corpus import Split

Reads = Callable[[str, list[Item]], Sequence[Item]]
VALIDATION_CLIPS = 64
"""Number of held-out clips on which losses are measured."""


def wanted(clips: int) -> dict[Split, int]:
    """Returns the required number of clips of each split."""
    return {"train": clips, "validation": VALIDATION_CLIPS}


def missing_splits(data: Path, clips: int) -> dict[Split, int]:
    """Returns the required number of clips of each split of DATA that is missing or has fewer."""
    return {split: count for split, count in wanted(clips).items() if count_clips(data, split) < count}


def count_clips(data: Path, split: Split) -> int:
    """Returns the number of clips of a finished split; 0 if there is none. Errors are those of `read_folder`."""
    return len(read_folder(data / split, split)) if (data / split / "dataset.json").is_file() else 0


def check_data(data: Path, clips: int, own: Path, reads: Reads) -> None:
    """Raises FileNotFoundError or ValueError if a folder that is only read lacks something that a training needs.

    Args:
        data: the folder.
        clips: required number of training clips.
        own: the training's own folder, where clips are drawn if no other is named.
        reads: see `check_files`.
    """
    advice = f"name another as --data, or leave it out to draw clips in {own}"
    if not data.is_dir():
        folder = "a folder with the splits train/ and validation/ as --data"
        raise FileNotFoundError(f"expected {folder}, got none at {data}; {advice}")
    if missing_splits(data, clips):
        train, validation = (count_clips(data, split) for split in wanted(clips))
        raise ValueError(
            f"expected {clips} clips in {data}/train and {VALIDATION_CLIPS} in {data}/validation, both finished, got "
            f"{train} and {validation}; take fewer with --clips, {advice}"
        )
    check_files(data, clips, reads)


def check_files(data: Path, clips: int, reads: Reads) -> None:
    """Raises FileNotFoundError if a file that is read of the clips of both splits is not there.

    Args:
        data: folder of the splits.
        clips: required number of training clips.
        reads: returns those of a split's items whose clips will be read: others may have been removed once encoded.
    """
    for split, count in wanted(clips).items():
        items = read_split(data, split, count)
        _check([item.tracks for item in items] + [item.clip for item in reads(split, items)])


def _check(paths: Sequence[Path]) -> None:
    if lacking := [path for path in paths if not path.is_file()]:
        raise FileNotFoundError(
            f"expected {len(paths)} files of clips and tracks, got {len(paths) - len(lacking)}: {lacking[0]} is not "
            f"there; {AGAIN}"
        )


def check_packages(data: Path, clips: int) -> None:
    """Raises ModuleNotFoundError if clips have to be made and a package that makes them is not installed."""
    lacking = missing_packages()
    if lacking and missing_splits(data, clips):
        raise ModuleNotFoundError(lacking)


def make_corpus(data: Path, clips: int, workers: int) -> None:
    """Makes the train and validation splits in DATA where they are missing or have fewer clips.

    Raises:
        ModuleNotFoundError: a package that makes clips is not installed; nothing has been written then.
    """
    check_packages(data, clips)
    for split, count in missing_splits(data, clips).items():
        from jova.data.split import make_split

        make_split(split, count, data / split, workers)


def read_split(data: Path, split: Split, clips: int) -> list[Item]:
    """Returns the first clips of a split; errors are those of `read_folder`."""
    return read_folder(data / split, split)[:clips]
