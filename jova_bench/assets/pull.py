"""Downloads weights: resumed where it broke off, verified, and in place only when whole."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Literal
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from jova_bench import assets
from jova_bench.assets import Asset
from jova_bench.registry import suggest
from jova_bench.types import BenchError

OFFLINE_VARIABLE = "JOVA_BENCH_OFFLINE"
EVERYTHING = "all"
SCHEMES = ("https://", "http://", "file://")
CHUNK = 1 << 20
"""Bytes read at a time."""
TIMEOUT_S = 60
"""Without a byte for so long, a connection counts as broken."""
ATTEMPTS = 5
"""Connections in a row that may break before the command gives up; what came is kept."""
SPARE = 100_000_000
"""Bytes that stay free on the disk."""

INTERRUPTIONS = (HTTPException, TimeoutError, ConnectionError)

Meter = Callable[[str, int, int | None], AbstractContextManager[Callable[[int], None]]]
"""`meter(name, bytes already here, bytes in all or None)` shows progress; what it yields is told of more bytes."""
State = Literal["ok", "damaged", "missing"]


class Broken(Exception):
    """A connection ended before the file did."""


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
    return "ok" if right in (sha256, None) else "damaged"


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
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part):
            _transfer(asset, part, meter)
            sha256 = _verified(asset, part)
            part.replace(target)
            _about(part).unlink(missing_ok=True)
    except OSError as error:
        full = f"; {assets.FOLDER_VARIABLE} names another folder" if error.errno == errno.ENOSPC else ""
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
    with part.with_name(f".{part.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BenchError(f"another process is downloading {part}; wait for it") from error
        try:
            yield
        finally:
            Path(lock.name).unlink(missing_ok=True)


def _transfer(asset: Asset, part: Path, meter: Meter) -> None:
    """Fills the partial file, over as many connections as that takes."""
    broken = 0
    while True:
        before = _size(part)
        try:
            return _receive(asset, part, meter)
        except Broken as error:
            broken = 1 if _size(part) > before else broken + 1
            if broken == ATTEMPTS:
                raise BenchError(
                    f"{asset.name}: {error} from {asset.url}; {_size(part)} bytes are kept, the same command goes on"
                ) from error


def _receive(asset: Asset, part: Path, meter: Meter) -> None:
    """One connection: appends what is missing, or starts again where the server cannot or must not go on."""
    have = _size(part)
    headers = {"User-Agent": "jova-bench"}
    about = _read_about(part)
    # Without a digest or a validator, halves of two different files could be put together unnoticed.
    if have and about.get("url") == asset.url and (asset.sha256 or about.get("validator")):
        headers["Range"] = f"bytes={have}-"
        headers |= {"If-Range": about["validator"]} if about.get("validator") else {}
    with _open(asset, Request(asset.url, headers=headers), part, have) as response:
        if response is None:
            return
        have, total = _from_and_to(asset, response, have)
        if asset.size is not None and total not in (None, asset.size):
            raise BenchError(f"{asset.name}: expected {asset.size} bytes, {asset.url} has {total}; its file changed")
        _room(asset, part, (total or asset.size or 0) - have)
        validator = response.headers.get("ETag") or ""
        if not validator or validator.startswith("W/"):  # A weak tag may stand for other bytes.
            validator = response.headers.get("Last-Modified") or ""
        _about(part).write_text(json.dumps({"url": asset.url, "validator": validator}), encoding="utf-8")
        with part.open("r+b" if part.exists() else "wb") as file, meter(asset.name, have, total) as advance:
            file.truncate(have)
            file.seek(have)
            _copy(response, file, advance)
    if total is not None and _size(part) != total:
        raise Broken(f"{_size(part)} of {total} bytes came")


@contextlib.contextmanager
def _open(asset: Asset, request: Request, part: Path, have: int) -> Iterator[Any]:
    """The answer to a request; None when there is nothing left to send."""
    try:
        response = urlopen(request, timeout=TIMEOUT_S)
    except HTTPError as error:
        if error.code == 416:  # The range begins at the end of the file, or behind it.
            if error.headers.get("Content-Range") == f"bytes */{have}":
                yield None
                return
            part.unlink(missing_ok=True)
            raise Broken("the server has less than is here") from error
        by_hand = f"; get it by hand and put it at {assets.path(asset.name)}" if error.code in (401, 403) else ""
        raise BenchError(f"{asset.name}: HTTP {error.code} {error.reason} from {asset.url}{by_hand}") from error
    except URLError as error:
        raise BenchError(f"{asset.name}: cannot reach {asset.url}: {error.reason}") from error
    except INTERRUPTIONS as error:
        raise Broken(f"no answer ({error or type(error).__name__})") from error
    with response:
        if response.headers.get_content_type() == "text/html":
            raise BenchError(f"{asset.name}: expected a file, got a web page from {asset.url}")
        yield response


def _from_and_to(asset: Asset, response: Any, have: int) -> tuple[int, int | None]:
    """Byte at which the content begins, and the size of the whole file where the server says it."""
    length = response.headers.get("Content-Length")
    if response.status != 206:  # The whole file; `file:` has no status.
        return 0, int(length) if length else None
    stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not stated or int(stated[1]) != have:
        raise BenchError(f"{asset.name}: expected bytes from {have}, got {response.headers.get('Content-Range')!r}")
    return have, None if stated[2] == "*" else int(stated[2])


def _copy(response: Any, file: IO[bytes], advance: Callable[[int], None]) -> None:
    while True:
        try:
            block = response.read(CHUNK)
        except INTERRUPTIONS as error:
            raise Broken(f"the connection broke ({error or type(error).__name__})") from error
        if not block:
            return
        file.write(block)
        advance(len(block))


def _room(asset: Asset, part: Path, wanted: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < wanted + SPARE:
        raise BenchError(
            f"{asset.name}: expected {(wanted + SPARE) / 1e9:.1f} GB free in {part.parent}, got {free / 1e9:.1f} GB; "
            f"{assets.FOLDER_VARIABLE} names another folder"
        )


def _verified(asset: Asset, part: Path) -> str:
    """The digest of a whole file. One that is not right is of no use, not even to go on from."""
    size = _size(part)
    if asset.size not in (None, size):
        part.unlink()
        raise BenchError(f"{asset.name}: expected {asset.size} bytes from {asset.url}, got {size}")
    sha256, right = _hash(part), assets.expected(asset.name)
    if right not in (sha256, None):
        part.unlink()
        seen = "" if asset.sha256 else f" (recorded when first seen, in {assets.folder() / assets.RECORD})"
        raise BenchError(f"{asset.name}: expected sha256 {right}{seen}, got {sha256} from {asset.url}")
    return sha256


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _about(part: Path) -> Path:
    """Beside a partial file: its address, and what the server called this version of it (`If-Range`)."""
    return part.with_name(f".{part.name}.json")


def _read_about(part: Path) -> dict[str, str]:
    try:
        about = json.loads(_about(part).read_bytes())
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}
