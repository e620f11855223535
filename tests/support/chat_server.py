"""Stands for a server of a language model: answers as it is asked to, and remembers what it was asked."""

import contextlib
import json
import math
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "judge-7b-2026-01"
"""What it says it is, whatever it is asked for."""
STALL = object()
"""A reply that never comes."""


def said(text="", *, model=MODEL, p_yes=None, **message):
    """Returns the JSON of an answer; with `p_yes`, the rest of the probability is that of no."""
    listed = [{"token": t, "logprob": math.log(p)} for t, p in (("Yes", p_yes), ("No", 1 - (p_yes or 0))) if p]
    logs = p_yes is not None and {
        "content": [{"token": text, "logprob": math.log(max(p_yes, 1 - p_yes)), "top_logprobs": listed}]
    }
    choice = {"finish_reason": "stop", "message": {"content": text, **message}} | ({"logprobs": logs} if logs else {})
    return {"model": model, "choices": [choice]}


class Server(ThreadingHTTPServer):
    """Answers chats."""

    daemon_threads = True

    def __init__(self, reply):
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply = reply
        """Called with the body of each request; returns JSON, or (status, headers, content), or `STALL`."""
        self.asked, self.keys, self.over = [], [], threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def questions(self):
        """What it was asked of clips: all but the question that finds its model."""
        return [body for body in self.asked if not isinstance(body["messages"][-1]["content"], str)]


class Handler(BaseHTTPRequestHandler):
    """Reads a question and writes the reply."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.keys.append(self.headers["Authorization"])
        reply = self.server.reply(body)
        if reply is STALL:
            self.server.over.wait()
            return
        status, headers, content = reply if isinstance(reply, tuple) else (200, {}, json.dumps(reply).encode())
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(reply):
    """Serves on a port of its own until the end of the block."""
    made = Server(reply)
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield made
    finally:
        made.over.set()
        made.shutdown()
        made.server_close()
