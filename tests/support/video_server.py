"""Stands for a server of `POST /v1/videos`: makes small clips, errs as it is asked to, and remembers what was asked."""

import contextlib
import json
import re
import tempfile
import threading
from collections import defaultdict
from email.parser import BytesParser
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from jova_bench.media import files as media

MODEL = "org/talker-2"
NAME = "talker-2-via-vllm-0.30.0"
"""Its row in a run."""
KEY = "sk-secret-7"
"""The key that runs of it send."""
DROP = object()
"""A reply that never comes: the connection is closed."""


class Made(tuple):
    """A reply to `create` in place of the answer: the job is made all the same, as behind a gateway that lost it."""


def clip(frames=12, fps=24, width=32, height=32, level=100, sound=True):
    """Returns an mp4 file of a grey picture and a tone, or of the picture alone."""
    picture = np.full((frames, height, width, 3), level, np.uint8)
    tone = np.sin(np.arange(round(16_000 * frames / fps)) * 0.2).astype(np.float32)[None] / 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        media.write(path, picture, Fraction(fps), tone if sound else None, 16_000)
        return path.read_bytes()


class Server(ThreadingHTTPServer):
    """Answers as vLLM-Omni does, unless it is told otherwise."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.listed, self.version, self.says = [{"id": MODEL, "owned_by": "vllm"}], "0.30.0", MODEL
        """What it states: its models, its version, and the model that its jobs name."""
        self.content = lambda fields: clip(level=50 + 50 * int(fields["seed"]))
        """Returns the clip of a request."""
        self.state = lambda number: {"status": "completed", "inference_time_s": 2.5, "peak_memory_mb": 64.0}
        """Returns what is said of the job of this number."""
        self.once = defaultdict(list)
        """Replies that come first, by `create`, `retrieve`, `content` or a path: (status, headers, JSON or bytes), or
        `DROP`. A header that is None is left out."""
        self.created, self.keys, self.asked, self.by_key, self.bodies = [], [], [], {}, {}
        """Fields of every job, keys and kinds of all calls, and jobs and requests by `Idempotency-Key`."""
        self.knows_keys, self.polled = True, set()
        """Whether it heeds `Idempotency-Key`, as vLLM-Omni does not; and the jobs that were asked for by their ids."""
        self.changed = threading.Condition()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def model(self):
        """The name of the model for `--model`."""
        return f"v1-videos:{self.url}#{MODEL}"

    def wait_for(self, polled):
        """Waits until as many jobs were asked for by their ids."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.polled) >= polled, timeout=300)


class Handler(BaseHTTPRequestHandler):
    """Reads a call and writes the reply."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.fields, self.body = fields(self.headers["Content-Type"], body), (self.headers["Content-Type"], body)
        self.answer("create")

    def do_GET(self):
        found = re.fullmatch(r"/v1/videos/job-(\d+)(/content)?", self.path)
        self.number = int(found[1]) if found else None
        self.answer(self.path if found is None else "content" if found[2] else "retrieve")

    def answer(self, kind):
        at = self.server
        at.keys.append(self.headers["Authorization"])
        at.asked.append(kind)
        reply = at.once[kind].pop(0) if at.once[kind] else self.usual(kind)
        if kind == "create" and at.bodies.setdefault(self.headers["Idempotency-Key"], self.body) != self.body:
            reply = 422, {}, {"error": {"message": "the key was used with another body"}}
        if isinstance(reply, Made):
            self.create()
        if reply is DROP:
            self.close_connection = True
            return
        status, headers, content = reply
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def usual(self, kind):
        at = self.server
        if kind == "create":
            return 200, {}, self.job(self.create())
        if kind in ("retrieve", "content") and self.number >= len(at.created):
            return 404, {}, {"detail": "Video not found"}
        if kind == "retrieve":
            with at.changed:
                at.polled.add(self.number)
                at.changed.notify_all()
            return 200, {}, self.job(self.number)
        if kind == "content":
            return 200, {"Content-Type": "video/mp4"}, at.content(at.created[self.number])
        if kind == "/v1/models" and at.listed is not None:
            return 200, {}, {"object": "list", "data": at.listed}
        if kind == "/version" and at.version is not None:
            return 200, {}, {"version": at.version}
        return 404, {}, {"detail": "Not Found"}

    def create(self):
        at = self.server
        with at.changed:
            key = self.headers["Idempotency-Key"]
            if key not in at.by_key or not at.knows_keys:
                at.by_key[key] = len(at.created)
                at.created.append(self.fields)
            return at.by_key[key]

    def job(self, number):
        queued = {"status": "queued"} if self.command == "POST" else self.server.state(number)
        return {"id": f"job-{number}", "object": "video", "model": self.server.says, **queued}

    def log_message(self, *args):
        pass


def fields(kind, body):
    """Returns the fields of a form or of JSON; those of files as bytes."""
    if kind == "application/json":
        return json.loads(body)
    parts = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload()
    found = {}
    for part in parts:
        content = part.get_payload(decode=True)
        named = part.get_param("name", header="content-disposition")
        found[named] = content if part.get_filename() else content.decode()
    return found


@contextlib.contextmanager
def serving():
    """Serves on a port of its own until the end of the block."""
    made = Server()
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()
