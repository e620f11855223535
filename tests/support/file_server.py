"""A server of one file that misbehaves as it is asked to, and the asset that it serves."""

import contextlib
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from jova_bench.assets import download, transfer
from jova_bench.assets import table as assets
from jova_bench.assets.table import Asset

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves one file."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag, self.ranges, self.kind, self.status = CONTENT, '"v1"', True, "application/zip", 200
        self.length = True
        """Whether it says how long the file is."""
        self.cuts = []
        """Bytes after which the next connections break."""
        self.asked = []
        """The Range of each request."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/toy.pt"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        it = self.server
        asked = self.headers.get("Range")
        it.asked.append(asked)
        if it.status != 200:
            self.send_error(it.status)
            return
        start = 0
        if asked and it.ranges and self.headers.get("If-Range") in (None, it.etag):
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
        if start >= len(it.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(it.content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(it.content) - 1}/{len(it.content)}")
        if it.etag:
            self.send_header("ETag", it.etag)
        self.send_header("Content-Type", it.kind)
        if it.length:
            self.send_header("Content-Length", str(len(it.content) - start))
        self.end_headers()
        end = start + it.cuts.pop(0) if it.cuts else len(it.content)
        with contextlib.suppress(ConnectionError):
            self.wfile.write(it.content[start:end])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def toy(server, tmp_path, monkeypatch):
    """Makes the only asset there is."""
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / "assets"))
    monkeypatch.delenv(download.OFFLINE_VARIABLE, raising=False)

    def make(**fields):
        default = {"name": "toy", "file": "nets/toy.pt", "url": server.url, "sha256": SHA256, "licence": "MIT"}
        asset = Asset(**default | {"metrics": ("lse_c",)} | fields)
        monkeypatch.setattr(assets, "published", lambda: {"toy": asset})
        return asset

    return make


@pytest.fixture
def no_pauses(monkeypatch):
    """Tries again at once."""
    monkeypatch.setattr(transfer, "PAUSE_S", 0.0)
