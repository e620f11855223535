"""Hundreds of servers that break the protocol at random: a download ends, in the right file or in one clear line.

Each is drawn from a seed: what it says of the file, how it says it, what it sends and where it stops. What it sent
completely, by its own account, is written down here; nothing else may pass for a file, and where a digest is known
nothing but the right one.
"""

import contextlib
import hashlib
import random
import socket
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest

from jova_bench.assets import pull, transfer
from jova_bench.assets import table as assets
from jova_bench.assets.table import Asset
from jova_bench.errors import BenchError
from jova_bench.web import http

CONTENT = random.Random(0).randbytes(50_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SEEDS = range(100)
MOST_CONNECTIONS = transfer.ATTEMPTS * 11
"""Ten redirects may precede each answer."""


@dataclass
class Plan:
    """How one server answers all requests."""

    status: str
    length: str
    body: str
    extra: tuple[str, ...]
    ranges: str

    @staticmethod
    def of(seed):
        rng = random.Random(seed)
        return Plan(
            status=rng.choices(
                [
                    "200 OK", "206 Partial Content", "204 No Content", "416 Range Not Satisfiable", "503 Busy",
                    "404 \x1b[2J", "302 Found", "999 Odd", "103 Early", "garbage", "continue", "nothing", "200",
                    "302 Loop",
                ],
                [30, 4, 3, 2, 1, 2, 5, 1, 1, 2, 1, 1, 3, 2],
            )[0],
            length=rng.choices(
                ["right", "none", "short", "long", "abc", "digits", "-5", "two", "chunked", "both", "1e5", "٣"],
                [25, 8, 8, 6, 2, 2, 2, 3, 12, 3, 2, 2],
            )[0],
            body=rng.choices(
                [
                    "whole", "cut", "empty", "other", "more", "endless", "reset", "badchunk", "trailers", "silence",
                    "trickle",
                ],
                [30, 12, 5, 6, 5, 4, 6, 6, 4, 1, 1],
            )[0],
            extra=tuple(rng.sample(ODD, rng.randrange(3))),
            ranges=rng.choice(["kept", "ignored", "wrong", "star", "backwards", "416", "another"]),
        )  # fmt: skip

    @property
    def stalls(self):
        return self.body in ("silence", "trickle") or self.status == "continue"


ODD = (
    "ETag: \"v\x00\"", "ETag: W/\"x\"", "ETag: \"ok\"", "Content-Encoding: gzip", "Content-Type: text/html",
    "Content-Type: ;;;;", "Last-Modified: \xff\xfe", "no colon here", "X: " + "y" * 70_000, "Transfer-Encoding: banana",
    "Content-Range: bytes 0-1/2", "Location: http://[bad", "Location: file:///etc/hostname",
    "Content-Type: application/zip", "Content-Length: 7", "Content-Encoding: identity",
)  # fmt: skip
TARGETS = (
    "http://[bad", "http://127.0.0.1:99999/", "http://\x01/", "ftp://127.0.0.1/x", "file:///etc/hostname", "//", "",
    "http://" + "a" * 300 + "/", "data:,x", "http://ü.invalid\u2028/", "/../%zz",
)  # fmt: skip


@dataclass
class Server:
    """Listens on a port of this machine; one thread, one connection at a time."""

    plan: Plan
    rng: random.Random
    sized: bool
    """Whether the client knows how long the file is."""
    connections: int = 0
    complete: set[bytes] = field(default_factory=set)
    """What was sent whole, as it was said."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def __exit__(self, *_):
        # A thread that accepts is woken by a connection alone.
        self.done = True
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass
        self.thread.join()
        self.socket.close()

    done = False
    latest = b""
    """What was sent from the first byte on."""

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            if self.done:
                connection.close()
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                self.answer(connection)

    def answer(self, connection):
        asked = b""
        while b"\r\n\r\n" not in asked:
            got = connection.recv(65_536)
            if not got:
                return
            asked += got
        start = 0
        for line in asked.decode("latin-1").split("\r\n"):
            if line.lower().startswith("range: bytes="):
                start = int(line.partition("=")[2].rstrip("-"))
        head, body, framed = self.said(start)
        connection.sendall(head)
        if self.plan.status == "continue":
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        if self.plan.body == "silence":
            connection.recv(1)  # Until the client leaves.
            return
        if framed is not None:  # Before it is sent: the client may be done sooner than this thread goes on.
            self.complete.add(framed)
        self.send(connection, body)

    def send(self, connection, body):
        """The body, as slowly, as long and with such an end as planned."""
        if self.plan.body == "trickle":
            connection.settimeout(0.01)
            for k in range(len(body)):
                connection.sendall(body[k : k + 1])
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(1):
                        return
        connection.sendall(body)
        while self.plan.body == "endless":
            connection.sendall(bytes(100_000))
        if self.plan.body == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def said(self, start):
        """Head, body, and the whole file where head and body are one that was sent whole."""
        plan, rng = self.plan, self.rng
        content = {"other": CONTENT[::-1], "empty": b""}.get(plan.body, CONTENT)
        full = content
        status, lines, part = plan.status, list(plan.extra), start and plan.ranges != "ignored"
        if part and status.startswith("200"):
            status = "206 Partial Content"
            if plan.ranges == "416":
                status = "416 Range Not Satisfiable"
                length = rng.choice([start, 0, 10**30])
                lines.append(f"Content-Range: bytes */{length}")
                self.complete.add(self.latest[:length])
            else:
                first = {"wrong": start + 1, "backwards": 0, "another": start}.get(plan.ranges, start)
                of = {"star": "*", "another": 2 * len(content)}.get(plan.ranges, len(content))
                lines.append(f"Content-Range: bytes {first}-{len(content) - 1}/{of}")
                content = content[start:]
        if status.startswith("302"):
            lines.append(f"Location: {'/again' if 'Loop' in status else rng.choice(TARGETS)}")
        sent = content[: rng.randrange(len(content))] if plan.body == "cut" and content else content
        sent += rng.randbytes(5000) if plan.body == "more" else b""
        self.latest = self.latest if part else sent
        lengths = {
            "right": len(content), "short": len(content) // 2, "long": 2 * len(content) + 1, "abc": "abc",
            "digits": "9" * 5000, "-5": -5, "1e5": "1e5", "٣": "٣",
        }  # fmt: skip
        chunked = plan.length in ("chunked", "both")
        if plan.length in lengths:
            lines.append(f"Content-Length: {lengths[plan.length]}")
        two = [f"Content-Length: {len(content)}", f"Content-Length: {len(content) + 1}"]
        lines += {"two": two, "both": two[:1]}.get(plan.length, [])
        ends = plan.body in ("whole", "other", "empty", "trailers")
        lines += ["Transfer-Encoding: chunked"] if chunked else []
        body = self.in_chunks(sent, ends) if chunked else sent
        whole = self.framed(sent, chunked and ends, chunked, lines) if status.startswith("200") else None
        if status == "garbage":
            return rng.randbytes(200) + b"\r\n", body, None
        if status in ("nothing", "continue"):
            return b"", b"" if status == "nothing" else body, None
        if part:
            whole = None if plan.ranges in ("wrong", "backwards", "another", "416") else full
        return (
            f"HTTP/1.1 {status}\r\n".encode() + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n",
            body,
            whole,
        )

    def in_chunks(self, sent, ends):
        """The bytes as chunks, which may break off in the middle, or have no end."""
        pieces = [sent[k : k + 20_000] for k in range(0, len(sent), 20_000)]
        body = b"".join(b"%x;x=y\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        if self.plan.body == "badchunk":
            bad = [b"-5\r\n", b"zz\r\n", b"\xff" * 70_000, b"7fffffffffffffff\r\n"]
            body = body[: len(body) // 2] + self.rng.choice(bad)
        if self.plan.body == "trailers":
            return body + b"0\r\n" + b"T: r\r\n" * 300_000
        return body + (b"0\r\n\r\n" if ends else b"")

    def framed(self, sent, ends, chunked, lines):
        """What of a whole file's bytes is one, by what was said of them; None where they are not."""
        if chunked:
            return sent if ends else None
        sent += bytes(200_000) if self.plan.body == "endless" else b""
        stated = {line.partition(": ")[2] for line in lines if line.startswith("Content-Length")}
        if not stated:
            return sent if self.sized else None
        number = stated.pop()
        if stated or not number.isascii() or not number.isdigit() or len(number) > 9 or int(number) > len(sent):
            return None
        return sent[: int(number)]


KINDS = {
    "all known": {"sha256": SHA256, "size": len(CONTENT)},
    "digest": {"sha256": SHA256},
    "size": {"size": len(CONTENT)},
    "nothing": {},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_ends_in_the_right_file_or_in_one_line(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE_S", 0.0)
    monkeypatch.setattr(transfer, "UNSTATED", 1_000_000)
    monkeypatch.setattr(assets, "published", lambda: {"toy": asset})
    got = refused = 0
    for seed in SEEDS:
        plan = Plan.of(f"{kind} {seed}")
        monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / str(seed)))
        monkeypatch.setattr(http, "TIMEOUT_S", 0.02 if plan.stalls else 60.0)
        with Server(plan, random.Random(seed), "size" in KINDS[kind]) as server:
            asset = Asset(name="toy", file="toy.pt", url=f"http://127.0.0.1:{server.port}/toy.pt", **KINDS[kind])
            target = assets.asset_table().path("toy")
            why_not = None
            try:
                pull.pull(assets.asset_table(), asset, lambda name, done, total: nullcontext(lambda count: None), False)
            except BenchError as error:
                why_not = str(error)
            if why_not is not None:
                refused += 1
                assert why_not.startswith("toy: "), plan
                assert why_not.isprintable(), plan
                assert len(why_not) < 1000, plan
                assert not target.exists(), plan
                part = target.with_name("toy.pt.part")
                assert transfer.size_of(part) <= KINDS[kind].get("size", transfer.UNSTATED), plan
            else:
                got += 1
                found = target.read_bytes()
                assert found in ({CONTENT} if "sha256" in KINDS[kind] else server.complete), plan
                assert len(found) == KINDS[kind].get("size", len(found)) > 0, plan
                assert assets.asset_table().expected("toy") == hashlib.sha256(found).hexdigest(), plan
                state = "ok" if "sha256" in KINDS[kind] else "unverified"
                assert pull.state(assets.asset_table(), asset) == state, plan
            assert server.connections <= MOST_CONNECTIONS, plan
    # Or nothing was tried: whatever its seeds are, some servers of each kind are right and most are not.
    assert got > len(SEEDS) // 20
    assert refused > len(SEEDS) // 2
