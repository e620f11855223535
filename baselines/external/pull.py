"""Fetches the weights of a baseline, in the harness's environment: `python pull.py ORDER FOLDER`.

An order names a repository of the Hugging Face Hub with a revision and patterns, or one file by its address. The Hub
states the size and a digest of every file of a commit, so that each is verified. Partial files lie in FOLDER/.parts,
which is there for as long as something is missing.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jova_bench.assets.hub import HubFile

REVISION = ".revision"
"""Holds the repositories and their commits, beside the files."""
VERIFIED = ".verified.json"
"""Holds of each file whose digest was verified what it is of, its size and its time of change."""


def main(order: dict[str, Any], folder: Path) -> None:
    """Fetches the files of an order into a folder; each appears complete and verified or not at all.

    Raises:
        BenchError: one could not be downloaded, or is not what its publisher states.
    """
    from jova_bench.assets.download import OFFLINE_VARIABLE, differs, offline
    from jova_bench.assets.hub import PARTS, fetch, fetch_address
    from jova_bench.errors import BenchError
    from jova_bench.files.writing import write_file
    from jova_bench.progress import meter

    origin = order.get("hub") or order["url"]
    if offline() and not str(order.get("url", "")).startswith("file://"):
        raise BenchError(f"offline; put the files of {origin} into {folder}, or unset {OFFLINE_VARIABLE}")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    if order.get("hub"):
        commit, files = hub_files(order["hub"], order["revision"], order["files"], folder)
        for file in files:
            if differs(folder / file.name, file.size, file.digests):
                fetch(file, folder, meter)
        known = recorded(folder) | {order["hub"]: commit}
        write_file(folder / REVISION, "".join(f"{hub}@{of}\n" for hub, of in known.items()))
        note(folder, [file.name for file in files], f"{order['hub']}@{commit}")
    else:
        (name,), digests = order["files"], dict[Any, str]()
        digests |= {kind: order[kind] for kind in ("sha256", "md5") if kind in order}
        if not digests or differs(folder / name, None, digests):
            fetch_address(order["url"], folder, name, None, digests, meter)
        if digests:
            note(folder, [name], next(iter(digests.values())))
    shutil.rmtree(folder / PARTS, ignore_errors=True)


def recorded(folder: Path) -> dict[str, str]:
    """Returns the commit of each repository whose files were fetched into a folder."""
    path = folder / REVISION
    lines = path.read_text(encoding="utf-8", errors="replace").split() if path.is_file() else []
    return dict((hub, commit) for hub, _, commit in (line.rpartition("@") for line in lines))


def note(folder: Path, names: Sequence[str], of: str) -> None:
    """Notes that files of a folder, as they are now, are those of a commit (`owner/name@commit`) or have a digest."""
    from jova_bench.files.writing import write_file

    write_file(folder / VERIFIED, json.dumps(_noted(folder) | {name: [of, *_state(folder / name)] for name in names}))


def noted(folder: Path, of: str) -> dict[str, bool]:
    """Returns the files that were verified as those of a commit or digest, and whether each is as it was then."""
    found = {name: it[1:] for name, it in _noted(folder).items() if isinstance(it, list) and it[:1] == [of]}
    return {name: (folder / name).is_file() and it == [*_state(folder / name)] for name, it in found.items()}


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Returns the names that a pattern matches: `*` stands for `/`, too, as in the Hub's library; no hidden file."""
    return [one for one in names if one == pattern or (fnmatchcase(one, pattern) and "/." not in f"/{one}")]


def _noted(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / VERIFIED).read_bytes())
    except (OSError, ValueError, RecursionError):  # Without a note nothing is verified.
        return {}
    return found if isinstance(found, dict) else {}


def _state(file: Path) -> tuple[int, int]:
    about = file.stat()
    return about.st_size, about.st_mtime_ns


def hub_files(repository: str, revision: str, patterns: list[str], folder: Path) -> tuple[str, list[HubFile]]:
    """Asks the Hub for the commit of a revision, and those of its files that a pattern matches.

    Raises:
        BenchError: the Hub has no such revision, no such file, or responds with something else.
    """
    from jova_bench.assets.hub import commit_of
    from jova_bench.errors import BenchError
    from jova_bench.progress import meter

    commit = commit_of("models", repository, revision, folder, meter)
    chosen: dict[str, HubFile] = {}
    for pattern in patterns:
        matched = {name: commit.files[name] for name in matching(pattern, commit.files)}
        if not matched:
            raise BenchError(f"expected a file {pattern!r} in {repository}@{commit.sha}, got none")
        chosen |= matched
    return commit.sha, list(chosen.values())


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])  # The harness, installed or not.
    from jova_bench.errors import BenchError

    try:
        main(json.loads(sys.argv[1]), Path(sys.argv[2]))
    except (BenchError, OSError) as error:
        sys.exit(f"error: {error}")
