"""Fetches the weights of a baseline, in the harness's environment: `python pull.py ORDER FOLDER`.

An order names a repository of the Hugging Face Hub with a revision and patterns, or one file by its address. The Hub
states the size and a digest of every file of a commit, so that each is verified. Partial files lie in FOLDER/.parts,
which is there for as long as something is missing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote

REVISION = ".revision"
"""Holds the repositories and their commits, beside the files."""
PARTS = ".parts"
HUB = "https://huggingface.co"
"""The environment variable HF_ENDPOINT names another."""


def main(order: dict[str, Any], folder: Path) -> None:
    """Fetches the files of an order into a folder; each appears complete and verified or not at all.

    Raises:
        BenchError: one could not be downloaded, or is not what its publisher states.
    """
    from jova_bench.assets.download import OFFLINE_VARIABLE, differs, offline
    from jova_bench.errors import BenchError
    from jova_bench.files.writing import write_file

    origin = order.get("hub") or order["url"]
    if offline() and not str(order.get("url", "")).startswith("file://"):
        raise BenchError(f"offline; put the files of {origin} into {folder}, or unset {OFFLINE_VARIABLE}")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    if order.get("hub"):
        commit, files = hub_files(order["hub"], order["revision"], order["files"], folder)
    else:
        known = {kind: order[kind] for kind in ("sha256", "md5") if kind in order}
        commit, files = "", [(order["files"][0], order["url"], None, known)]
    for name, url, size, digests in files:
        if not digests or differs(folder / name, size, digests):
            fetch(url, folder, name, size, digests)
    if commit:
        known = recorded(folder) | {order["hub"]: commit}
        write_file(folder / REVISION, "".join(f"{hub}@{of}\n" for hub, of in known.items()))
    shutil.rmtree(folder / PARTS, ignore_errors=True)


def recorded(folder: Path) -> dict[str, str]:
    """Returns the commit of each repository whose files were fetched into a folder."""
    path = folder / REVISION
    lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
    return dict((hub, commit) for hub, _, commit in (line.rpartition("@") for line in lines))


def hub_files(
    repository: str, revision: str, patterns: list[str], folder: Path
) -> tuple[str, list[tuple[str, str, int | None, dict[Any, str]]]]:
    """Asks the Hub for the commit of a revision and its files.

    Returns:
        The commit, and of each file that a pattern matches: path, address, bytes and digest by kind.

    Raises:
        BenchError: the Hub has no such revision, no such file, or responds with something else.
    """
    from jova_bench.errors import BenchError
    from jova_bench.files.reading import read_json

    hub = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    url = f"{hub}/api/models/{quote(repository)}/revision/{quote(revision, safe='')}?blobs=true"
    listing = Path(PARTS) / "listing.json"
    fetch(url, folder, str(listing), None, {})
    answer = read_json(folder / listing)
    try:
        commit, found = answer["sha"], [_file(one) for one in answer["siblings"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"expected a list of files with sizes and digests from {url}, got another answer") from error
    if not re.fullmatch("[0-9a-f]{40}", str(commit)):
        raise BenchError(f"expected a commit from {url}, got {commit!r}")
    chosen = []
    for pattern in patterns:
        matched = [one for one in found if fnmatchcase(one[0], pattern)]
        if not matched:
            raise BenchError(f"expected a file {pattern!r} in {repository}@{commit}, got none")
        chosen += [one for one in matched if one not in chosen]
    base = f"{hub}/{quote(repository)}/resolve/{commit}"
    return commit, [(name, f"{base}/{quote(name)}", size, digest) for name, size, digest in chosen]


def _file(one: dict[str, Any]) -> tuple[str, int, dict[Any, str]]:
    """Returns an entry's path, bytes and digest. Raises ValueError for a path that leads out of the folder."""
    name, large = str(one["rfilename"]), one.get("lfs")
    if Path(name).is_absolute() or not name or {"..", PARTS, REVISION} & set(Path(name).parts):
        raise ValueError(name)
    if large:
        return name, int(large["size"]), {"sha256": str(large["sha256"])}
    return name, int(one["size"]), {"git": str(one["blobId"])}


def fetch(url: str, folder: Path, name: str, size: int | None, digests: dict[Any, str]) -> None:
    """Downloads one file to FOLDER/NAME."""
    from jova_bench.assets.download import download
    from jova_bench.assets.table import FOLDER_VARIABLE
    from jova_bench.assets.transfer import Source
    from jova_bench.progress import meter

    elsewhere = f"; {FOLDER_VARIABLE} names another folder"
    part = folder / PARTS / f"{quote(name, safe='')}.part"
    download(Source(name, url, size, bool(digests), folder / name, elsewhere), part, digests, meter)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])  # The harness, installed or not.
    from jova_bench.errors import BenchError

    try:
        main(json.loads(sys.argv[1]), Path(sys.argv[2]))
    except (BenchError, OSError) as error:
        sys.exit(f"error: {error}")
