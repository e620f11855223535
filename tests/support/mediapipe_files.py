"""Finds MediaPipe's networks, and an old one of Silero's, where this machine has them: as assets, or in the wheels that
`make test` gets.
"""

import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.files.writing import write_file
from jova_bench.metrics.faces import litert
from jova_bench.metrics.faces.theval import VAD

FETCHED = Path(__file__).parents[2] / "build" / "weights"
FOLDERS = {
    litert.SHORT_RANGE: "face_detection",
    litert.FULL_RANGE: "face_detection",
    litert.MESH: "face_landmark",
    litert.ATTENTION: "face_landmark",
}
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
    if not table.path(VAD).is_file() and (here := _member("silero_vad-5.1.2-*.whl", "silero_vad/data/silero_vad.onnx")):
        entries[VAD] = entries[VAD].model_copy(update={"file": str(here)})
    return replace(table, entries=entries)


def unpacked(member: str) -> Path | None:
    """A file of MediaPipe's wheel; None without a wheel."""
    return _member("mediapipe-*.whl", f"mediapipe/modules/{member}")


def _member(wheels: str, member: str) -> Path | None:
    """A file of a wheel, in a folder of build/weights; None without the wheel."""
    path = FETCHED / member.partition("/")[0] / Path(member).name
    wheel = next(iter(FETCHED.glob(wheels)), None)
    if not path.is_file() and wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(member)
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
_LACKS = litert.missing(with_files()) or with_files().missing(litert.ATTENTION.asset, VAD)
needs_theval = pytest.mark.skipif(_LACKS is not None, reason="what THEval needs is not here")
