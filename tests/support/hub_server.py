"""A stand-in for the Hub and for GitHub's raw files on 127.0.0.1: data sets of one commit, honest or not."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from jova_bench.assets.table import FOLDER_VARIABLE

COMMIT, NEXT = "c" * 40, "d" * 40


def blob(content):
    """Id that Git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves the files of `my-lab/talks` at the commit `head`, which `main` names."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.raw, self.head = {}, {}, COMMIT
        self.large = ()
        """Files that the Hub states the sha256 of."""
        self.changed, self.bad, self.redirects = {}, {}, {}
        """Other keys of the answer, other bytes of files, and where paths are sent to."""
        self.asked, self.keys = [], {}
        """Paths that were asked for, and the header `Authorization` of the latest call of each."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def listing(self, commit):
        siblings = [{"rfilename": name, "size": len(it), "blobId": blob(it)} for name, it in self.files.items()]
        for one in siblings:
            if one["rfilename"] in self.large:
                content = self.files[one["rfilename"]]
                one["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return {"sha": commit, "siblings": siblings, "cardData": {"license": "cc-by-4.0"}} | self.changed


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        it = self.server
        it.asked.append(self.path)
        it.keys[self.path] = self.headers["Authorization"]
        api, files = "/api/datasets/my-lab/talks/revision/", "/datasets/my-lab/talks/resolve/"
        if self.path in it.redirects:
            self.send_response(302)
            self.send_header("Location", it.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path in it.raw:
            content = it.raw[self.path]
        elif self.path.startswith(api):
            revision = self.path.removeprefix(api).partition("?")[0]
            if revision == "v9":
                self.send_error(401)
                return
            content = json.dumps(it.listing(it.head if revision in ("main", "v1") else revision)).encode()
        elif self.path.startswith(files):
            name = unquote(self.path.removeprefix(files).partition("/")[2])
            content = it.bad.get(name, it.files.get(name))
        else:
            content = None
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with Server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "assets"))
        for name in ("JOVA_BENCH_OFFLINE", "HF_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("jova_bench.assets.transfer.PAUSE_S", 0.0)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
