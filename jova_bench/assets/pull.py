"""Downloads weights: resumed where it broke off, verified, and in place only when whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Literal

from jova_bench import assets
from jova_bench.assets import Asset, transfer
from jova_bench.assets.transfer import Meter, Source
from jova_bench.errors import BenchError, suggest
from jova_bench.files.locks import Busy, acquire

OFFLINE_VARIABLE = "JOVA_BENCH_OFFLINE"
EVERYTHING = "all"
SCHEMES = ("https://", "http://", "file://")
State = Literal["ok", "unverified", "damaged", "missing"]
"""`unverified`: as it was when first seen; nobody publishes what it must be."""


def select(words: Iterable[str]) -> list[Asset]:
    """The assets that a user means: names of assets, of metrics (`fvd`, `lse_c@mova`), or `all`; each once.

    Raises:
        BenchError: nothing has that name.
    """
    known = assets.table()
    found: dict[str, Asset] = {}
    for word in words:
        metric, _, bench = word.partition("@")
        some = {
            name: asset
            for name, asset in known.items()
            if word in (EVERYTHING, name) or asset.serves(metric, bench or None)
        }
        if not some:
            names = [*known, *dict.fromkeys(metric for asset in known.values() for metric in asset.metrics), EVERYTHING]
            raise BenchError(
                f"expected an asset, a metric that needs one, or all, got {word!r}; {suggest(word, names)}"
            )
        found |= some
    return list(found.values())


def offline() -> bool:
    """Whether the environment forbids the network."""
    return os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0")


def state(asset: Asset) -> State:
    """Whether the file of an asset is what it must be; reads all of it, whatever was noted before."""
    file = assets.path(asset.name)
    if not file.is_file():
        return "missing"
    sha256 = _hash(file)
    assets.remember(file, sha256)
    right = assets.expected(asset.name)
    if right is None:
        assets.record(asset.name, sha256)
    if right not in (sha256, None):
        return "damaged"
    return "ok" if asset.sha256 else "unverified"


def refusal(asset: Asset, accepted: Collection[str]) -> str | None:
    """Why an asset is not pulled: terms that were not accepted."""
    if asset.terms is None or asset.terms in accepted:
        return None
    return f"skipped {asset.name}, whose licence is {asset.licence}; to accept that: {asset.command}"


def pull(asset: Asset, meter: Meter, no_network: bool) -> Path:
    """Gets the file of an asset, unless the right one is here, and says where it is.

    Raises:
        BenchError: it could not be had; what came of it is kept and the next call goes on from there.
    """
    target = assets.path(asset.name)
    if _is_right(asset.name, target):
        return target
    if not asset.url.startswith(SCHEMES):
        raise BenchError(f"{asset.name}: a table of your own names {target}, which is not there or damaged")
    if no_network and not asset.url.startswith("file://"):
        raise BenchError(
            f"{asset.name}: offline; put the file of {asset.url} at {target}, or do without --offline and "
            f"{OFFLINE_VARIABLE}"
        )
    part, elsewhere = target.with_name(f"{target.name}.part"), f"; {assets.FOLDER_VARIABLE} names another folder"
    known = assets.expected(asset.name) is not None
    source = Source(asset.name, asset.url, asset.size, known, target, elsewhere)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part):
            transfer.fetch(source, part, meter)
            sha256 = _verified(asset, part)
            part.replace(target)
            transfer.about_file(part).unlink(missing_ok=True)
    except OSError as error:
        full = elsewhere if error.errno == errno.ENOSPC else ""
        raise BenchError(f"{asset.name}: cannot write {target.parent}: {error.strerror or error}{full}") from error
    assets.remember(target, sha256)
    if asset.sha256 is None:
        assets.record(asset.name, sha256)
    return target


def _is_right(name: str, target: Path) -> bool:
    if not target.is_file():
        return False
    right = assets.expected(name)
    if right is None:  # Put there by hand: seen for the first time.
        assets.digest(name)
        return True
    return assets.sha256_of(target) == right


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Two commands must not write one file."""
    lock = part.with_name(f".{part.name}.lock")
    try:
        held = acquire(lock)
    except Busy as error:
        raise BenchError(f"another process (pid {error.holder}) is downloading {part}; wait for it") from error
    with held:
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _verified(asset: Asset, part: Path) -> str:
    """The digest of a whole file. One that is not right is of no use, not even to go on from."""
    size = transfer.size_of(part)
    if not size or asset.size not in (None, size):
        part.unlink(missing_ok=True)
        raise BenchError(f"{asset.name}: expected {asset.size or 'some'} bytes from {asset.url}, got {size}")
    sha256, right = _hash(part), assets.expected(asset.name)
    if right not in (sha256, None):
        part.unlink()
        seen = "" if asset.sha256 else f" (recorded when first seen, in {assets.folder() / assets.RECORD})"
        raise BenchError(f"{asset.name}: expected sha256 {right}{seen}, got {sha256} from {asset.url}")
    return sha256


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
