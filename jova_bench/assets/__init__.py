"""Weights that do not ship with the package: where they come from, where they lie, and that they are the right ones.

`assets.toml` names every file with its address, digest and licence. A user's own table (`--assets FILE`) puts other
files in their place; their digests enter the identity of every number that they make.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from jova_bench.registry import suggest
from jova_bench.types import BenchError, Record, Unavailable

FOLDER_VARIABLE = "JOVA_BENCH_ASSETS"
TABLE_VARIABLE = "JOVA_BENCH_ASSETS_FILE"
"""Path of a user's table; an environment variable, so that scoring processes inherit it."""
TABLE = Path(__file__).parent / "assets.toml"
RECORD = "recorded.json"
"""Digests of files whose publishers state none, as they were when first seen."""
SHORT = 12
"""Hex digits of a digest in an identity."""


class Asset(Record):
    """One file of weights: an entry of `assets.toml`."""

    name: str
    file: str
    """Path inside the assets folder; an absolute path in a user's table."""
    url: str = ""
    sha256: str | None = None
    """None where the publisher states none: recorded when the file is first seen, and checked ever after."""
    size: int | None = None
    """Bytes, where known."""
    licence: str = ""
    """SPDX expression, or what the publisher says."""
    terms: Literal["non-commercial", "agpl"] | None = None
    """Terms that a user must accept before the file is pulled."""
    metrics: tuple[str, ...] = ()
    """Metrics that need it."""


def table() -> dict[str, Asset]:
    """Every asset by name, with the files of a user's table in place of the published ones.

    Raises:
        BenchError: a table is broken or names an asset that does not exist.
    """
    return dict(_table(os.environ.get(TABLE_VARIABLE)))


@lru_cache(maxsize=8)
def _table(own: str | None) -> dict[str, Asset]:
    found = {name: _asset(TABLE, name, fields) for name, fields in _read(TABLE).items()}
    if own is None:
        return found
    path = Path(own)
    for name, fields in _read(path).items():
        if name not in found:
            raise BenchError(f"{path}: expected the name of an asset, got {name!r}; {suggest(name, found)}")
        if not isinstance(fields, dict) or set(fields) != {"file", "sha256"}:
            raise BenchError(f"{path}: expected `file` and `sha256` in [{name}], got {fields!r}")
        file = str((path.parent / str(fields["file"])).resolve())
        replaced = {**found[name].model_dump(), "file": file, "sha256": fields["sha256"], "url": "", "size": None}
        found[name] = _asset(path, name, replaced)
    return found


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"expected a table of assets, got {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: expected TOML, got {error}") from error


def _asset(path: Path, name: str, fields: object) -> Asset:
    try:
        return Asset.model_validate({**fields, "name": name} if isinstance(fields, dict) else fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise BenchError(f"{path}: [{name}] {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def folder() -> Path:
    """`$JOVA_BENCH_ASSETS`, else `jova_bench` in the user's cache folder."""
    if os.environ.get(FOLDER_VARIABLE):
        return Path(os.environ[FOLDER_VARIABLE]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jova_bench"


def get(name: str) -> Asset:
    """The entry of an asset. Raises BenchError for a name that none has."""
    known = table()
    if name not in known:
        raise BenchError(f"expected the name of an asset, got {name!r}; {suggest(name, known)}")
    return known[name]


def path(name: str) -> Path:
    """Where the file of an asset lies, or belongs."""
    return folder() / get(name).file


def missing(*names: str) -> str | None:
    """None when the files of all these assets are there, else why what needs them cannot run. Reads no file."""
    absent = [name for name in names if not path(name).is_file()]
    return f"weights missing: jova-bench assets pull {' '.join(absent)}" if absent else None


def digest(name: str) -> str | None:
    """The first hex digits of what the file of an asset must have, for an identity; None where nobody knows yet."""
    sha256 = get(name).sha256 or _recorded().get(name)
    return sha256[:SHORT] if sha256 else None


def find(name: str) -> Path:
    """The file of an asset, verified.

    Raises:
        Unavailable: it is not there, or is not what was published.
        BenchError: there is no asset of that name.
    """
    asset, file = get(name), path(name)
    if why_not := missing(name):
        raise Unavailable(why_not)
    got = sha256_of(file)
    expected = asset.sha256 or _recorded().get(name)
    if expected is None:
        record(name, got)
    elif got != expected:
        raise Unavailable(
            f"weights damaged: expected sha256 {expected}, got {got} for {file}; "
            f"delete it and run jova-bench assets pull {name}"
        )
    return file


def record(name: str, sha256: str) -> None:
    """Remember the digest of an asset whose publisher states none."""
    _write(folder() / RECORD, {**_recorded(), name: sha256})


def _recorded() -> dict[str, str]:
    try:
        known = json.loads((folder() / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def sha256_of(file: Path) -> str:
    """sha256 (hex) of a file, remembered beside it by size and time of change: a large checkpoint takes seconds."""
    status = file.stat()
    state = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    note = file.with_name(f".{file.name}.sha256.json")
    try:
        known = json.loads(note.read_bytes())
        if isinstance(known, dict) and {key: known.get(key) for key in state} == state:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError):
        pass  # No note or a broken one: the file itself is the truth.
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    with contextlib.suppress(OSError):  # A shared folder may be read-only: then it is verified again next time.
        _write(note, {**state, "sha256": sha256})
    return sha256


def _write(target: Path, value: dict[str, object] | dict[str, str]) -> None:
    """Writes JSON atomically."""
    part = target.with_name(f"{target.name}.{os.getpid()}")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(target)
