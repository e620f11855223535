"""Answers requests of raters: pages and clips by their secret addresses, and what they answer into a store."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, parse_json
from jova_bench.votes.study import Given
from jova_bench.web.http import is_loopback

LONGEST_BODY = 1 << 16
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".mp4": "video/mp4"}
BLANK = 'data-rater="" data-booklet=""'
"""What the page has in the place of the rater's name and list of pairs."""


class Store(Protocol):
    """Keeps answers."""

    def add(self, rater: str, lines: Sequence[Given]) -> list[int]:
        """Stores the answers of one rater, and returns the places of those to what was answered otherwise before.

        Raises:
            BenchError: one is no answer of this rater.
            OSError: they cannot be stored.
        """


class RaterHandler(BaseHTTPRequestHandler):
    """Answers `/TOKEN/...`: pages and clips by GET, answers by POST."""

    pages: Path
    store: Store
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
        length = _number(self.headers.get("Content-Length", ""))
        if name != "answers" or length is None or length > LONGEST_BODY:
            self.close_connection = True  # Its body is not read.
            wrong = HTTPStatus.BAD_REQUEST if length is None else HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self._end(HTTPStatus.NOT_FOUND if name != "answers" else wrong)
            return
        body = self.rfile.read(length)
        try:
            known = self.store.add(rater, list(_lines(body)))
        except BenchError:
            self._end(HTTPStatus.BAD_REQUEST)
        except OSError:
            self._end(HTTPStatus.INSUFFICIENT_STORAGE)
        else:
            if known:
                self._send(json.dumps({"known": known}).encode(), "application/json")
            else:
                self._end(HTTPStatus.NO_CONTENT)

    def _rater(self) -> tuple[str, int, str] | None:
        """Returns the rater's name and booklet, and what is asked for; None where the address is not one of a rater."""
        try:
            # Another site's page may ask by a name of its own that leads here.
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
            token, _, name = urlsplit(self.path).path.removeprefix("/").partition("/")
        except ValueError:
            self.close_connection = True
            self._end(HTTPStatus.BAD_REQUEST)
            return None
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
        asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", self.headers.get("Range", ""))
        last = len(content) - 1
        start, end = (_number(asked[1]), _number(asked[2] or str(last))) if asked else (0, last)
        if start is None or end is None:
            self._end(HTTPStatus.BAD_REQUEST)
            return
        if asked and start > last:
            self._end(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        asked = asked if start <= end else None  # One that ends before it starts asks for nothing: all is sent.
        start, end = (start, min(end, last)) if asked else (0, last)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(end + 1 - start))
        kept = kind not in (TYPES[".html"], "application/json")
        self.send_header("Cache-Control", "private, max-age=3600" if kept else "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(content[start : end + 1])

    def _end(self, status: HTTPStatus) -> None:
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", "0")
        self.end_headers()


def _number(text: str) -> int | None:
    """Returns the number of a header; None for what is none, or longer than any size."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _lines(body: bytes) -> Iterator[Given]:
    """Yields the answers of a request. Raises BenchError for anything else."""
    for line in body.decode("utf-8", "replace").splitlines():
        yield as_record(Given, parse_json(line, "the request"), "the request")
