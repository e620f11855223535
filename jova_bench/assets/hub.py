"""Asks the Hugging Face Hub for the files of a commit. It states a size and a digest of each, so that all are verified.

What it answers is untrusted all the same: an answer that is sent from another host, is too long, states another commit
than was asked for, or names paths out of the folder is refused.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import quote

from jova_bench.assets.access import endpoint
from jova_bench.assets.download import Kind, download
from jova_bench.assets.table import FOLDER_VARIABLE
from jova_bench.assets.transfer import Meter, Source
from jova_bench.digests import short_digest
from jova_bench.errors import BenchError
from jova_bench.files.locks import acquire
from jova_bench.files.reading import read_json
from jova_bench.formatting.messages import shown

PARTS = ".parts"
"""Folder of partial files; there for as long as something is missing."""
OURS = (PARTS, ".revision", ".verified.json")
"""Names that commands use themselves, beside the files."""
LISTING = "listing.json"
LISTING_BYTES = 64_000_000
"""Most bytes of an answer about a commit: that of 100,000 files has some 30 million."""
LONGEST_NAME = 200
"""Most letters of a partial file's name: with those of its notes, which file systems limit to 255 bytes."""
RepositoryKind = Literal["models", "datasets"]
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class HubFile:
    """One file of a commit."""

    name: str
    """Path in the repository."""
    url: str
    size: int
    """Bytes."""
    digests: Mapping[Kind, str]
    """One, as the Hub states it: sha256, or the id of the blob in Git."""


@dataclass(frozen=True)
class Commit:
    """One commit of a repository."""

    sha: str
    files: Mapping[str, HubFile]
    """Files by path, in the order of the answer."""
    licence: str
    """Licence that the repository's card states; empty where it states none."""


def commit_of(
    kind: Literal["models", "datasets"], repository: str, revision: str, folder: Path, meter: Meter
) -> Commit:
    """Asks the Hub for the commit of a revision, and its files.

    Args:
        kind: of the repository.
        repository: `ORG/NAME`.
        revision: a commit, or a branch or tag, whose commit is that of now.
        folder: where the answer lies, in `.parts`.
        meter: shows progress.

    Raises:
        BenchError: the Hub has no such revision, or responds with something else.
    """
    hub = endpoint()
    url = f"{hub}/api/{kind}/{quote(repository)}/revision/{quote(revision, safe='')}?blobs=true"
    listing = folder / PARTS / LISTING
    part = listing.with_name(f"{LISTING}.part")
    part.unlink(missing_ok=True)  # An answer of before must not be continued: it has no digest.
    source = Source(f"{repository}@{revision}", url, None, False, listing, "", most=LISTING_BYTES, same_host=True)
    download(source, part, {}, meter)
    answer = read_json(listing)
    base = f"{hub}/{'' if kind == 'models' else f'{kind}/'}{quote(repository)}/resolve"
    try:
        commit, files = str(answer["sha"]), [_file(one, f"{base}/{answer['sha']}") for one in answer["siblings"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"expected a list of files with sizes and digests from {url}, got another answer") from error
    if not COMMIT.fullmatch(commit):
        raise BenchError(f"expected a commit from {url}, got {shown(commit)}")
    if COMMIT.fullmatch(revision) and commit != revision:
        raise BenchError(f"expected the commit {revision} from {url}, got {commit}")
    card = answer.get("cardData")
    licence = card.get("license") if isinstance(card, dict) else None
    return Commit(commit, {one.name: one for one in files}, licence if isinstance(licence, str) else "")


def _file(one: Mapping[str, Any], base: str) -> HubFile:
    """Returns an entry's file. Raises ValueError for a path out of the folder or of our own, or a size below 0."""
    name, large = str(one["rfilename"]), one.get("lfs")
    parts = PurePosixPath(name).parts
    if not parts or parts[0] in ("/", *OURS) or ".." in parts or "\\" in name or not name.isprintable():
        raise ValueError(name)
    if (size := int((large or one)["size"])) < 0:
        raise ValueError(size)
    digests: dict[Kind, str] = {"sha256": str(large["sha256"])} if large else {"git": str(one["blobId"])}
    return HubFile(name, f"{base}/{quote(name)}", size, digests)


@contextmanager
def pulling(folder: Path) -> Iterator[None]:
    """Makes a folder and holds its lock, so that one process at a time downloads into it."""
    folder.mkdir(parents=True, exist_ok=True)
    with acquire(folder / ".lock", wait=True):
        yield
        finish(folder)


def finish(folder: Path) -> None:
    """Removes what partial files left in a folder."""
    shutil.rmtree(folder / PARTS, ignore_errors=True)


def fetch(file: HubFile, folder: Path, meter: Meter) -> str:
    """Downloads a file to FOLDER/NAME; returns its sha256 (hex). Raises BenchError."""
    return fetch_address(file.url, folder, file.name, file.size, file.digests, meter)


def fetch_address(
    url: str, folder: Path, name: str, size: int | None, digests: Mapping[Kind, str], meter: Meter
) -> str:
    """Downloads the file of an address to FOLDER/NAME; returns its sha256 (hex). Raises BenchError."""
    part = folder / PARTS / f"{_one_name(name)}.part"
    elsewhere = f"; {FOLDER_VARIABLE} names another folder"
    return download(Source(name, url, size, bool(digests), folder / name, elsewhere), part, digests, meter)


def _one_name(path: str) -> str:
    """Returns one name for a path: its letters, or a digest where they would be more than a file's name may have."""
    quoted = quote(path, safe="")
    return quoted if len(quoted) <= LONGEST_NAME else short_digest(path.encode())
