"""Transfers one file over unreliable connections: limited in tries, time and bytes, resumed after a break.

Responses are untrusted: a malformed header, a redirect to nowhere or an early end costs a try or gives one clear
line. Whether the file is the right one is checked elsewhere, by its digest; where none is known, the
server has to say how long the file is, or a part of it could pass for the whole.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx2

from jova_bench.assets import access
from jova_bench.errors import BenchError
from jova_bench.files.reading import read_json
from jova_bench.files.writing import write_file
from jova_bench.formatting.messages import shown
from jova_bench.web.http import kind_of, open_url
from jova_bench.web.keys import blotted

ATTEMPTS = 5
"""Connections in a row that may break before the command gives up; what came is kept."""
PAUSE_S = 1.0
"""Wait after a broken connection, as many times as have broken in a row."""
SPARE = 100_000_000
"""Bytes that stay free on the disk."""
UNSTATED = 20_000_000_000
"""Most bytes of a file whose length is stated nowhere."""
ENOUGH = 1 << 20
"""Bytes that a connection brings to show that others may bring the rest."""
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Statuses of a server that may respond otherwise later."""
_RANGE = re.compile(r"bytes (0|[1-9][0-9]{0,17})-(0|[1-9][0-9]{0,17})/([1-9][0-9]{0,17}|\*)")
"""`Content-Range`: first and last byte, and how many the file has."""
UNREACHABLE = (
    httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.InvalidURL, httpx2.ProxyError, httpx2.TooManyRedirects,
    httpx2.UnsupportedProtocol, UnicodeError,
)  # fmt: skip
"""What another try would not change."""
MOST_WORDS = 200
"""Characters of a server's own words in a message."""

Meter = Callable[[str, int, int | None], AbstractContextManager[Callable[[int], None]]]
"""`meter(name, bytes already here, bytes in all or None)` shows progress; it yields what is called with
the number of bytes that came."""


@dataclass(frozen=True)
class Source:
    """A file elsewhere."""

    name: str
    """What messages call it."""
    url: str
    size: int | None
    """Bytes, where known."""
    digest_known: bool
    """Whether a digest will show a wrong file."""
    belongs: Path
    """Where a user may put it by hand."""
    elsewhere: str
    """What a user can do when the disk is full."""
    most: int = UNSTATED
    """Most bytes, where the size is not known."""
    same_host: bool = False
    """Whether no other host may send it: what states digests must come from the host that was asked."""


class Broken(Exception):
    """A connection ended before the file did."""


def fetch(source: Source, part: Path, meter: Meter) -> None:
    """Completes the partial file, over as many connections as that takes.

    Raises:
        BenchError: it could not be downloaded; what arrived is kept, unless it is of no use.
    """
    broken = 0
    while True:
        before = size_of(part)
        try:
            return _receive(source, part, meter)
        except Broken as error:
            # Only one that went on where the last stopped, and received something, shows that this will come to an end.
            broken = 1 if before and size_of(part) >= before + ENOUGH else broken + 1
            if broken >= ATTEMPTS:
                raise BenchError(
                    f"{source.name}: {error} from {source.url}; {size_of(part)} bytes are kept, "
                    "the same command resumes"
                ) from error
            time.sleep(PAUSE_S * broken)


def _receive(source: Source, part: Path, meter: Meter) -> None:
    """Receives over one connection: appends the missing bytes, or starts again if the server cannot continue."""
    if source.size is not None and size_of(part) > source.size:
        part.unlink()
    have, about = size_of(part), _read_about(part)
    headers = access.headers(source.url)
    # Without a digest or a validator, halves of two different files could be put together unnoticed.
    if have and about.get("url") == source.url and (source.digest_known or about.get("validator")):
        headers["Range"] = f"bytes={have}-"
        headers |= {"If-Range": about["validator"]} if about.get("validator") else {}
    with _answer(source, headers, part, have) as response:
        if response is None:
            return
        have, total = _from_and_to(source, response, have, "Range" in headers)
        if have and not _continues(source, response, have, about):
            part.unlink()
            raise Broken(f"expected the rest of the file from byte {have} on, got that of another")
        if source.size is not None and total not in (None, source.size):
            raise BenchError(f"{source.name}: expected {source.size} bytes, {source.url} has {total}; its file changed")
        if source.size is None and (total or 0) > source.most:
            raise BenchError(f"{source.name}: expected at most {source.most} bytes, {source.url} has {total}")
        most = source.size if total is None else total
        _room(source, part, (most or have) - have)
        about = {"url": source.url, "validator": _validator(response.headers)}
        about |= {} if total is None else {"total": str(total)}
        write_file(about_file(part), json.dumps(about))
        with part.open("r+b" if part.exists() else "wb") as file, meter(source.name, have, most) as advance:
            file.truncate(have)
            file.seek(have)
            try:
                _copy(source, response, file, source.most if most is None else most, advance)
            except _TooMuch as error:
                file.truncate(0)  # Of another file, or of none.
                raise BenchError(f"{source.name}: {source.url} sends more than the expected {error} bytes") from error
    if most is not None and size_of(part) != most:
        raise Broken(f"{size_of(part)} of {most} bytes came")


@contextlib.contextmanager
def _answer(source: Source, headers: dict[str, str], part: Path, have: int) -> Iterator[httpx2.Response | None]:
    """Yields the response to a request; None when the server has nothing left to send."""
    try:
        with open_url(httpx2.Request("GET", source.url, headers=headers), same_host=source.same_host) as response:
            if response.is_success:
                yield response
            else:
                _check_whole(source, response, part, have, "Range" in headers)
                yield None
    except UNREACHABLE as error:
        raise BenchError(f"{source.name}: cannot reach {source.url}: {_one_line(error)}") from error
    except httpx2.HTTPError as error:
        raise Broken(_one_line(error)) from error


def _check_whole(source: Source, response: httpx2.Response, part: Path, have: int, asked: bool) -> None:
    """Checks that a server that sends nothing states that the part is the whole file.

    Raises:
        Broken: another time it may send the file; a part of another version, or longer than the file, is deleted.
        BenchError: it does not.
    """
    status = response.status_code
    if status == 416 and asked:
        whole = response.headers.get("Content-Range") == f"bytes */{have}" and source.size in (None, have)
        if whole and _same_version(source, response, _read_about(part)):
            return
        part.unlink(missing_ok=True)
        raise Broken(f"expected a file of which {have} bytes are a part, got another")
    what = f"HTTP {status} {_one_line(response.reason_phrase)}"
    if status in BUSY:
        raise Broken(what)
    if response.has_redirect_location:
        what += f", a redirect to {_one_line(response.headers['Location'])}"
    what += f" from {source.url}"
    if status in (401, 403):
        by_hand = f"; download it yourself and put it at {source.belongs}"
        what += access.hint(source.url) if source.same_host or access.on_hub(source.url) else by_hand
    raise BenchError(f"{source.name}: {what}")


def _from_and_to(source: Source, response: httpx2.Response, have: int, asked: bool) -> tuple[int, int | None]:
    """Returns the byte at which the content begins, and the size of the whole file if the server states it."""
    headers, status = response.headers, response.status_code
    if status != 200 and not (status == 206 and asked):
        raise BenchError(f"{source.name}: expected a file, got HTTP {status} {_one_line(response.reason_phrase)}")
    if kind_of(response) == "text/html":
        raise BenchError(f"{source.name}: expected a file, got a web page from {source.url}")
    if (coding := headers.get("Content-Encoding", "").strip().lower()) not in ("", "identity"):
        got = _one_line(coding)
        raise BenchError(f"{source.name}: expected the file without a content encoding, got {got} from {source.url}")
    chunked = "Transfer-Encoding" in headers
    if status == 206:
        stated = _RANGE.fullmatch(headers.get("Content-Range", ""))
        if not stated or int(stated[1]) != have:
            got = _one_line(headers.get("Content-Range"))
            raise BenchError(f"{source.name}: expected bytes from {have}, got {shown(got)} from {source.url}")
        total = None if stated[3] == "*" else int(stated[3])
    else:
        length = None if chunked else headers.get("Content-Length")
        have, total = 0, None if length is None else int(length)
    if total is None and source.size is None and not source.digest_known and not (chunked and status != 206):
        raise BenchError(
            f"{source.name}: {source.url} states no length and no digest of the file is published, so a truncated "
            f"download would go unnoticed; download it yourself and put it at {source.belongs}"
        )
    return have, total


def _continues(source: Source, response: httpx2.Response, have: int, about: Mapping[str, str]) -> bool:
    """Returns whether a 206 has all the rest of the version that the part is of: some servers ignore `If-Range`."""
    stated = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    assert stated is not None
    total = str(int(stated[2]) + 1)
    same = _same_version(source, response, about)
    return same and stated[3] in (total, "*") and about.get("total", total) == total


def _same_version(source: Source, response: httpx2.Response, about: Mapping[str, str]) -> bool:
    """Returns whether a response is of the version that the part is of, or a digest will show if it is not."""
    return source.digest_known or _validator(response.headers) == about.get("validator")


def _validator(headers: httpx2.Headers) -> str:
    """Returns the server's validator of the file's version (ETag or date); empty if there is none to send back."""
    found: str = headers.get("ETag", "")
    if not found or found.startswith("W/"):  # A weak tag may stand for other bytes.
        found = headers.get("Last-Modified", "")
    return found if re.fullmatch(r"[ -~]{1,1000}", found) else ""


class _TooMuch(Exception):
    """More bytes came than there are."""


def _copy(
    source: Source, response: httpx2.Response, file: IO[bytes], most: int, advance: Callable[[int], None]
) -> None:
    """Appends the bytes that arrive, up to the file's length."""
    for block in response.iter_raw():
        if file.tell() + len(block) > most:
            raise _TooMuch(str(most))
        file.write(block)
        advance(len(block))


def _room(source: Source, part: Path, wanted: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < wanted + SPARE:
        raise BenchError(
            f"{source.name}: expected {(wanted + SPARE) / 1e9:.1f} GB free in {part.parent}, got {free / 1e9:.1f} GB"
            f"{source.elsewhere}"
        )


def _one_line(said: object) -> str:
    """Returns a server's or library's message as one short line without control characters or a token."""
    text = blotted(str(said), access.TOKEN) or type(said).__name__
    shown = "".join(one if one.isprintable() else "?" for one in " ".join(text.split()))
    return shown if len(shown) <= MOST_WORDS else f"{shown[:MOST_WORDS]}..."


def size_of(part: Path) -> int:
    """Returns a file's size in bytes; 0 if it does not exist."""
    return part.stat().st_size if part.exists() else 0


def about_file(part: Path) -> Path:
    """Returns the file beside a partial one: its address, the server's name of this version (`If-Range`), and size."""
    return part.with_name(f".{part.name}.json")


def _read_about(part: Path) -> Mapping[str, str]:
    try:
        about = read_json(about_file(part))
    except BenchError:
        return {}
    whole = isinstance(about, dict) and all(isinstance(value, str) for value in about.values())
    return about if whole else {}
