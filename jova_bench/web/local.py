"""Serves files to browsers on this machine alone, whole or in the parts that a player asks for."""

from __future__ import annotations

import io
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any
from urllib.parse import urlsplit

from jova_bench.errors import BenchError
from jova_bench.logs import LOG
from jova_bench.web.http import is_loopback

HOST = "127.0.0.1"
BLOCK = 1 << 18
"""Bytes that are sent at a time."""
NEVER, ALWAYS_ASK = "no-store", "no-cache"
"""What a browser may keep: nothing, or what it asks about before each use."""


class LocalHandler(BaseHTTPRequestHandler):
    """Answers requests that name this machine: a page elsewhere may lead here by a name of its own."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "jova-bench", ""
    timeout = 60
    _begun = False
    """Whether the answer to the latest request has begun: no other can take its place."""

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing: addresses may hold secrets."""

    def handle(self) -> None:
        """Answers until the browser ends the connection, which a player does in the middle of a clip."""
        with suppress(ConnectionError, TimeoutError):
            super().handle()

    def do_GET(self) -> None:
        """Answers a request for content."""
        self._end_after_body()
        self._act(self.answer)

    def do_HEAD(self) -> None:
        """Answers a request for the headers of content."""
        self._end_after_body()
        self._act(self.answer)

    def do_POST(self) -> None:
        """Answers a request that brings content."""
        self._act(self.receive)

    def end_headers(self) -> None:
        """Sends the headers of an answer."""
        self._begun = True
        super().end_headers()

    def answer(self) -> None:
        """Sends what is asked for."""
        raise NotImplementedError

    def receive(self) -> None:
        """Refuses what is brought, unless a subclass takes it."""
        self.refuse(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})

    def asked_path(self) -> str | None:
        """Returns the path that is asked for, as it was sent; None where the request was answered: it is refused."""
        try:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
            path = urlsplit(self.path).path
        except ValueError:
            self.refuse(HTTPStatus.BAD_REQUEST)
            return None
        if not is_loopback(host):
            self.refuse(HTTPStatus.FORBIDDEN)
            return None
        return path

    def send_bytes(self, content: bytes, kind: str, keep: str = NEVER) -> None:
        """Sends content that was made for this request, or the part that is asked for."""
        self.send_file(io.BytesIO(content), len(content), kind, keep)

    def send_file(self, file: IO[bytes], size: int, kind: str, keep: str, tag: str = "") -> None:
        """Sends a file, or the part that a player asks for.

        Args:
            file: that can seek.
            size: its bytes.
            kind: its media type.
            keep: what a browser may keep of it.
            tag: in quotes, changes with the content; empty for none.
        """
        if tag and self.headers.get("If-None-Match") == tag:
            self._begin(HTTPStatus.NOT_MODIFIED, keep, tag)
            return
        try:
            part = self._part(size, tag)
        except ValueError:
            self.end(HTTPStatus.BAD_REQUEST)
            return
        if part is not None and not part:
            self.end(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{size}"})
            return
        sent = range(size) if part is None else part
        headers = {"Accept-Ranges": "bytes", "Content-Type": kind, "Content-Length": str(len(sent))}
        if part is not None:
            headers["Content-Range"] = f"bytes {sent.start}-{sent.stop - 1}/{size}"
        self._begin(HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT, keep, tag, headers)
        if self.command != "HEAD":
            for block in _blocks(file, sent):
                self.wfile.write(block)
            self.close_connection |= file.tell() < sent.stop  # It was cut meanwhile: what is missing does not come.

    def end(self, status: HTTPStatus, headers: dict[str, str] | None = None, line: str = "") -> None:
        """Answers without content, or with a line of text alone."""
        content = line.encode("utf-8", "backslashreplace")
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if content:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: HTTPStatus, headers: dict[str, str] | None = None) -> None:
        """Answers without content, and ends the connection: a body that came with the request is not read."""
        self.end(status, {"Connection": "close", **(headers or {})})

    def _end_after_body(self) -> None:
        """Ends the connection after an answer to a request that asks and brings a body: it is not read."""
        if "Transfer-Encoding" in self.headers or self.headers.get("Content-Length", "0") != "0":
            self.close_connection = True

    def _act(self, action: Callable[[], None]) -> None:
        """Answers by an action, or by 500 and a line where it fails: no page takes the others with it."""
        self._begun = False
        try:
            action()
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            LOG.warning("jova-bench: a page could not be made: %s: %s", type(error).__name__, error)
            LOG.debug("jova-bench: where it was raised:", exc_info=True)
            self.close_connection = True
            if not self._begun:
                # The answer has no path of this machine.
                why = getattr(error, "strerror", None) or type(error).__name__
                line = f"This page could not be made: {why}. The terminal that serves it says more.\n"
                self.end(HTTPStatus.INTERNAL_SERVER_ERROR, {"Cache-Control": NEVER}, line)

    def _begin(self, status: HTTPStatus, keep: str, tag: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Cache-Control", keep)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        # Pages of other sites can neither read what is here, as by a script of ours, nor show it as theirs.
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.end_headers()

    def _part(self, size: int, tag: str) -> range | None:
        """Returns the bytes that are asked for, none where there are no such; None where all are.

        Raises:
            ValueError: a number is longer than any size.
        """
        asked = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", self.headers.get("Range", ""))
        if asked is None or not (asked[1] or asked[2]) or self.headers.get("If-Range", tag) != tag:
            return None  # Several parts, or what is none: all is sent.
        if not asked[1]:
            return range(max(0, size - _number(asked[2])), size)
        start, last = _number(asked[1]), _number(asked[2]) if asked[2] else size - 1
        if start <= last or start >= size:
            return range(start, min(last + 1, size))
        return None  # One that ends before it starts asks for nothing.


def _number(text: str) -> int:
    """Returns the number of a header. Raises ValueError for one that is longer than any size."""
    if len(text) > 18:
        raise ValueError(text[:20])
    return int(text)


def _blocks(file: IO[bytes], part: range) -> Iterator[bytes]:
    """Yields these bytes of a file; fewer where it was cut meanwhile."""
    file.seek(part.start)
    left = len(part)
    while left and (block := file.read(min(BLOCK, left))):
        left -= len(block)
        yield block


class LocalServer(ThreadingHTTPServer):
    """Answers each connection in a thread of its own; as many as the system allows wait for theirs."""

    request_queue_size = socket.SOMAXCONN


def listen(port: int, handler: type[LocalHandler], server: type[LocalServer] = LocalServer) -> LocalServer:
    """Returns a server on 127.0.0.1, to be run by `serve_forever`; its address is `server_address`.

    Raises:
        BenchError: the port is taken, or none.
    """
    try:
        return server((HOST, port), handler)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise BenchError(f"expected a free port, got {port}: {why}; give another --port, 0 for any") from error
