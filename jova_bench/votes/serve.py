"""Serves a study on this machine alone: raters have secret addresses, and answers are only ever appended."""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jova_bench.errors import BenchError
from jova_bench.files.lines import repair
from jova_bench.files.reading import as_record, parse_json, read_json
from jova_bench.files.writing import write_file
from jova_bench.ids import file_stem
from jova_bench.records import FileRecord, Id, Record
from jova_bench.votes.study import ANSWERS, PAGES, TOKENS, Given, Key, opened, read_key
from jova_bench.web.http import is_loopback

HOST = "127.0.0.1"
LONGEST_BODY = 1 << 16
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".mp4": "video/mp4"}
BLANK = 'data-rater="" data-booklet=""'
"""What the page has in the place of the rater's name and list of pairs."""


class Access(Record):
    """How a rater reaches a study."""

    token: str
    """Secret part of the address."""
    booklet: int
    """List of pairs, from 0."""


class Raters(FileRecord):
    """Raters of a study by name: `raters.json`."""

    raters: Mapping[Id, Access]
    """Access by name."""


class Conflict(Exception):
    """Raised for another answer to what a rater has answered."""


class Answers:
    """Answers of a study on disk: appended, never replaced."""

    def __init__(self, folder: Path, key: Key) -> None:
        """Reads what raters have answered. Raises BenchError where a file is damaged."""
        self._folder, self._key, self._lock = folder / ANSWERS, key, threading.Lock()
        self._folder.mkdir(exist_ok=True)
        self._given: dict[tuple[str, str, frozenset[str]], Given] = {}
        for path in sorted(self._folder.glob("*.jsonl")):
            repair(path)
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                one = as_record(Given, parse_json(line, f"{path}:{number}"), f"{path}:{number}")
                self._given[_place(one)] = one

    def add(self, rater: str, lines: Sequence[Given]) -> None:
        """Appends the answers of one rater, those that are known left out.

        Raises:
            Conflict: one of them was answered otherwise; nothing is appended.
            BenchError: one is no answer of this rater to this study.
        """
        with self._lock:
            new: dict[tuple[str, str, frozenset[str]], Given] = {}
            for one in lines:
                opened(self._key, one, "the request")
                if one.rater != rater:
                    raise BenchError(f"expected answers of {rater!r}, got one of {one.rater!r}")
                before = self._given.get(_place(one)) or new.get(_place(one))
                if before is None:
                    new[_place(one)] = one
                elif before != one:
                    raise Conflict
            if new:
                with (self._folder / f"{file_stem(rater)}.jsonl").open("ab") as file:
                    file.write("".join(f"{one.model_dump_json()}\n" for one in new.values()).encode())
                    file.flush()
                    os.fsync(file.fileno())
                self._given |= new


def _place(one: Given) -> tuple[str, str, frozenset[str]]:
    return one.rater, one.question, frozenset((one.left, one.right))


def admit(folder: Path, names: Sequence[str]) -> Raters:
    """Returns the raters of a study with some more; those that are known keep their addresses.

    Raises:
        BenchError: a name is no id, or the file cannot be written.
    """
    key, path = read_key(folder), folder / TOKENS
    known = dict(as_record(Raters, read_json(path), str(path)).raters) if path.exists() else {}
    for name in names:
        if name not in known:
            known[name] = Access(token=secrets.token_urlsafe(16), booklet=len(known) % key.booklets)
    found = as_record(Raters, {"raters": {name: one.model_dump() for name, one in known.items()}}, "--rater")
    if not found.raters:
        raise BenchError("expected the names of raters; give --rater NAME for each")
    try:
        write_file(path, json.dumps(found.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
        path.chmod(0o600)
    except OSError as error:
        raise BenchError(f"expected a folder that can be written, got {folder}: {error.strerror}") from error
    return found


def server(folder: Path, raters: Raters, port: int) -> ThreadingHTTPServer:
    """Returns a server on 127.0.0.1, to be run by `serve_forever`; its address is `server_address`.

    Raises:
        BenchError: the folder is no study, or the port is taken.
    """
    answers = Answers(folder, read_key(folder))
    by_token = {one.token: (name, one.booklet) for name, one in raters.raters.items()}

    class Handler(_Handler):
        pages = folder / PAGES
        store = answers
        access = by_token

    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise BenchError(f"expected a free port, got {port}: {why}; give another --port, 0 for any") from error


class _Handler(BaseHTTPRequestHandler):
    """Answers `/TOKEN/...`: pages and clips by GET, answers by POST."""

    pages: Path
    store: Answers
    access: Mapping[str, tuple[str, int]]
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: addresses hold secrets."""

    def do_GET(self) -> None:
        """Sends a page or a part of a clip."""
        if (found := self._rater()) is None:
            return
        rater, booklet, name = found
        path = self.pages / (name or "index.html")
        if not re.fullmatch(r"(index\.html|vote\.js|vote\.css|clips/[0-9a-f]+\.mp4)?", name) or not path.is_file():
            self._end(HTTPStatus.NOT_FOUND)
            return
        content = path.read_bytes()
        if path.name == "index.html":
            content = content.replace(BLANK.encode(), f'data-rater="{rater}" data-booklet="{booklet}"'.encode())
        self._send(content, TYPES[path.suffix])

    def do_POST(self) -> None:
        """Appends answers: JSON lines."""
        if (found := self._rater()) is None:
            return
        rater, _, name = found
        length = self.headers.get("Content-Length", "")
        if name != "answers" or not length.isdecimal() or int(length) > LONGEST_BODY:
            self.close_connection = True  # Its body is not read.
            self._end(HTTPStatus.NOT_FOUND if name != "answers" else HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        try:
            self.store.add(rater, list(_lines(self.rfile.read(int(length)))))
        except Conflict:
            self._end(HTTPStatus.CONFLICT)
        except BenchError:
            self._end(HTTPStatus.BAD_REQUEST)
        else:
            self._end(HTTPStatus.NO_CONTENT)

    def _rater(self) -> tuple[str, int, str] | None:
        """Returns the rater's name and booklet, and what is asked for; None where the address is not one of a rater."""
        # Another site's page may ask by a name of its own that leads here.
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        token, _, name = urlsplit(self.path).path.removeprefix("/").partition("/")
        known = next(
            (one for key, one in self.access.items() if secrets.compare_digest(key.encode(), token.encode())), None
        )
        if known is None or not is_loopback(host):
            self.close_connection = True
            self._end(HTTPStatus.FORBIDDEN)
            return None
        return *known, name

    def _send(self, content: bytes, kind: str) -> None:
        """Sends a file, or the bytes that a player asks for."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(asked[1]), int(asked[2] or len(content) - 1)) if asked else (0, len(content) - 1)
        if asked and not start <= end < len(content):
            start, end = (start, len(content) - 1) if start < len(content) else (0, len(content) - 1)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(end + 1 - start))
        self.send_header("Cache-Control", "no-store" if kind.startswith("text/html") else "private, max-age=3600")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(content[start : end + 1])

    def _end(self, status: HTTPStatus) -> None:
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", "0")
        self.end_headers()


def _lines(body: bytes) -> Iterator[Given]:
    """Yields the answers of a request. Raises BenchError for anything else."""
    for line in body.decode("utf-8", "replace").splitlines():
        yield as_record(Given, parse_json(line, "the request"), "the request")
