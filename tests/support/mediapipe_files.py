"""Finds MediaPipe's networks where this machine has them: as assets, or in the wheel that `make test` gets."""

import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.files.writing import write_file
from jova_bench.metrics.faces import litert

FETCHED = Path(__file__).parents[2] / "build" / "weights"
FOLDERS = {litert.SHORT_RANGE: "face_detection", litert.FULL_RANGE: "face_detection", litert.MESH: "face_landmark"}
"""Where in `mediapipe/modules` of the wheel."""


@cache
def with_files() -> AssetTable:
    """The table of the environment, with files of the wheel where the assets folder has none."""
    table = asset_table()
    entries = dict(table.entries)
    for network, folder in FOLDERS.items():
        name = Path(table.get(network.asset).file).name
        if not table.path(network.asset).is_file() and (here := unpacked(f"{folder}/{name}")) is not None:
            entries[network.asset] = entries[network.asset].model_copy(update={"file": str(here)})
    return replace(table, entries=entries)


def unpacked(member: str) -> Path | None:
    """A file of the wheel, in build/weights/mediapipe; None without a wheel."""
    path = FETCHED / "mediapipe" / Path(member).name
    wheel = next(iter(FETCHED.glob("mediapipe-*.whl")), None)
    if not path.is_file() and wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(f"mediapipe/modules/{member}")
        path.parent.mkdir(exist_ok=True)
        write_file(path, content)
    return path if path.is_file() else None


def own_flags(folder: Path) -> list[str]:
    """Flags of a command that names them."""
    table, path = with_files(), folder / "assets.toml"
    lines = (f'[{one.asset}]\nfile = "{table.path(one.asset)}"\nsha256 = "{one.sha256}"\n' for one in litert.NETWORKS)
    path.write_text("".join(lines))
    return ["--assets", str(path)]


needs_mediapipe = pytest.mark.skipif(litert.missing(with_files()) is not None, reason="mediapipe's files are not here")
