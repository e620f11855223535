"""What `view` sends: pages and parts of clips to browsers of this machine, and nothing else to anybody."""

import os
import select
import shutil
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection

import pytest

from jova_bench.errors import BenchError
from jova_bench.report.html.folder import MARK
from jova_bench.report.serve import page_server
from support.commands import call
from support.made_runs import made_run

CLIP = bytes(range(100))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run with pages, one without, a link to a run elsewhere, and secrets beside all of them."""
    top = tmp_path_factory.mktemp("served")
    folder = top / "runs"
    for one in (folder / "deep" / "a", folder / "b", top / "elsewhere"):
        made_run(one, {"ours": {"lse_c": [1.0, 2.0]}})
    for pages in (folder / "deep" / "a" / "report", top / "elsewhere" / "report"):
        (pages / "clips").mkdir(parents=True)
        (pages / MARK).touch()
        (pages / "index.html").write_text("the pages")
        (pages / "clips" / "x y.mp4").write_bytes(CLIP)
    pages = folder / "deep" / "a" / "report"
    (top / "secret.html").write_text("secret")
    (pages / "out.html").symlink_to(top / "secret.html")
    (pages / "loop.html").symlink_to("loop.html")
    (pages / "up").symlink_to(top)
    (pages / "in.html").symlink_to("index.html")
    (pages / ".hidden.html").write_text("secret")
    (pages / "seen.html").symlink_to(".hidden.html")
    (pages / "notes.txt").write_text("secret")
    os.mkfifo(pages / "pipe.html")
    (folder / "b" / "index.html").write_text("no page of a report")
    (folder / "linked").symlink_to(top / "elsewhere")
    return folder


@contextmanager
def asking(folder):
    """A server of a folder, and what sends requests to it."""
    with page_server(folder, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()

        def send(path, method="GET", **headers):
            connection = HTTPConnection(*serving.server_address)
            try:
                headers = {name.replace("_", "-"): value for name, value in headers.items()}
                connection.request(method, path, headers=headers)
                response = connection.getresponse()
                send.headers = response.headers
                return response.status, response.read()
            finally:
                connection.close()

        send.address = serving.server_address
        yield send
        serving.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def ask(runs):
    with asking(runs) as send:
        yield send


REPORT = "/deep/a/report"


def test_pages_are_sent_and_listed(ask):
    status, content = ask("/")
    page = content.decode()
    assert status == 200
    assert 'href="deep/a/report/index.html"' in page
    assert "no pages: jova-bench report" in page  # Of b.
    assert "elsewhere" not in page
    assert "linked" not in page
    assert ask("/runs.css")[0] == ask("/report.css")[0] == 200
    assert ask(f"{REPORT}/") == ask(f"{REPORT}/index.html?x#y") == ask(f"{REPORT}/in.html") == (200, b"the pages")
    assert ask.headers["Content-Type"] == "text/html; charset=utf-8"
    assert ask.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert ask("/", "HEAD") == (200, b"")
    assert int(ask.headers["Content-Length"]) == len(content)


@pytest.mark.parametrize(
    "path",
    [
        "/deep/a/manifest.json", "/deep/a/scores.jsonl", "/b/index.html", "/b/", "/deep/a/report",
        "/linked/report/index.html", f"{REPORT}/{MARK}", f"{REPORT}/.hidden.html", f"{REPORT}/seen.html",
        f"{REPORT}/out.html", f"{REPORT}/loop.html", f"{REPORT}/up/secret.html", f"{REPORT}/pipe.html",
        f"{REPORT}/notes.txt", f"{REPORT}/clips/none.mp4", f"{REPORT}/../../../../secret.html",
        f"{REPORT}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret.html", f"{REPORT}/..%2f..%2f..%2f..%2fsecret.html",
        f"{REPORT}/%2fetc/passwd.html", "//etc/x.html", "/%00.html", "/%ff.html", f"{REPORT}/index.html%00.html",
        f"{REPORT}/index.html/", "/" + "a/" * 3000 + "x.html", "/deep/..%5c..%5csecret.html",
    ],
)  # fmt: skip
def test_nothing_else_is_sent(ask, path):
    assert ask(path) == (404, b"")


def test_only_reading_and_only_by_names_of_this_machine(ask):
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1", ""):
        assert ask("/", Host=host) == (403, b"")
    for host in ("localhost", "localhost:1234", "127.0.0.1", "[::1]:80"):
        assert ask("/", Host=host)[0] == 200
    assert ask("/", "POST") == (405, b"")
    assert ask.headers["Allow"] == "GET, HEAD"
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"):
        assert ask("/", method)[0] == 501
    assert ask.address[0] == "127.0.0.1"


def test_a_player_seeks(ask):
    clip = f"{REPORT}/clips/x%20y.mp4"
    assert ask(clip) == (200, CLIP)
    assert ask.headers["Accept-Ranges"] == "bytes"
    tag = ask.headers["ETag"]
    for asked, first, last in (("0-9", 0, 9), ("90-", 90, 99), ("98-1000", 98, 99), ("-3", 97, 99), ("-1000", 0, 99)):
        assert ask(clip, Range=f"bytes={asked}") == (206, CLIP[first : last + 1])
        assert ask.headers["Content-Range"] == f"bytes {first}-{last}/100"
        assert ask(clip, "HEAD", Range=f"bytes={asked}") == (206, b"")
        assert ask.headers["Content-Length"] == str(last + 1 - first)
    for asked in ("100-", "100-200", "-0"):
        assert ask(clip, Range=f"bytes={asked}") == (416, b"")
        assert ask.headers["Content-Range"] == "bytes */100"
    for whole in ("bytes=9-8", "bytes=0-1,4-5", "bytes=-", "items=0-1", "bytes=x-"):
        assert ask(clip, Range=whole) == (200, CLIP)
    assert ask(clip, Range=f"bytes={'9' * 5000}-") == (400, b"")
    # Another file took its place: no part of it follows a part of the other.
    assert ask(clip, Range="bytes=0-9", If_Range='"other"') == (200, CLIP)
    assert ask(clip, Range="bytes=0-9", If_Range=tag) == (206, CLIP[:10])
    assert ask(clip, If_None_Match=tag) == (304, b"")


def test_a_player_that_goes_away_leaves_the_server_quiet(ask, runs, capfd):
    large = runs / "deep" / "a" / "report" / "large.mp4"
    with large.open("wb") as file:
        file.truncate(50_000_000)
    for _ in range(3):
        with socket.create_connection(ask.address) as plain:
            plain.sendall(f"GET {REPORT}/large.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert plain.recv(100).startswith(b"HTTP/1.1 200")
    assert ask("/")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_run_and_its_pages_have_them_at_the_top(runs):
    for folder in (runs / "deep" / "a", runs / "deep" / "a" / "report"):
        with asking(folder) as ask:
            assert ask("/") == (200, b"the pages")
            assert ask("/clips/x%20y.mp4", Range="bytes=1-1") == (206, CLIP[1:2])
            assert ask("/out.html")[0] == ask("/../manifest.json")[0] == ask("/.jova-bench-report")[0] == 404


def test_the_list_is_of_now(runs, tmp_path):
    made_run(tmp_path / "one", {"ours": {"lse_c": [1.0, 2.0]}})
    with asking(tmp_path) as ask:
        before = ask("/")[1].decode()
        made_run(tmp_path / "two", {"theirs": {"lse_c": [3.0, 4.0]}})
        (tmp_path / "one" / "manifest.json").write_text("{")
        after = ask("/")[1].decode()
    assert "theirs" not in before
    assert "broken" not in before
    assert "theirs" in after
    assert "one/manifest.json" in after


def test_a_run_that_cannot_be_read_and_a_name_that_is_no_utf_8_take_no_other_with_them(tmp_path, capfd):
    nowhere = "x" * 300  # No file system follows a link to it, and asking for it is an error.
    for name in (b"a", b"b", b"c", b"d\xff"):
        made_run(tmp_path / os.fsdecode(name), {"ours": {"lse_c": [1.0, 2.0]}})
    (tmp_path / "b" / "report").symlink_to(nowhere)
    (tmp_path / "c" / "manifest.json").unlink()
    (tmp_path / "c" / "manifest.json").symlink_to(nowhere)
    pages = tmp_path / os.fsdecode(b"d\xff") / "report"
    pages.mkdir()
    (pages / MARK).touch()
    (pages / "index.html").write_text("of d")
    with asking(tmp_path) as ask:
        status, content = ask("/")
        assert ask("/d%FF/report/index.html") == (200, b"of d")
    assert status == 200
    page = content.decode()
    assert 'href="d%FF/report/index.html">d\\udcff</a>' in page
    assert "File name too long" in page
    assert page.count("no pages: jova-bench report") == 2  # Of a and b.
    assert capfd.readouterr().err == ""


def test_a_page_that_fails_is_answered_and_told_in_one_line(tmp_path, caplog):
    made_run(tmp_path / "runs" / "one", {"ours": {"lse_c": [1.0]}})
    with asking(tmp_path / "runs") as ask:
        assert ask("/")[0] == 200
        shutil.move(tmp_path / "runs", tmp_path / "elsewhere")
        status, content = ask("/")
        assert (status, content.count(b"\n")) == (500, 1)
        assert b"No such file or directory" in content
        assert str(tmp_path).encode() not in content
        assert ask("/", "HEAD") == (500, b"")
        assert ask("/x.html")[0] == 404
        shutil.move(tmp_path / "elsewhere", tmp_path / "runs")
        assert ask("/")[0] == 200
    told = [one.getMessage() for one in caplog.records]
    assert len(told) == 2
    assert all("a page could not be made: FileNotFoundError" in line for line in told)


def test_what_comes_with_a_question_is_no_second_one(ask):
    inner = b"GET /none.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sent = (b"Content-Length: %d\r\n\r\n" % len(inner), b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(inner))
    for method in (b"GET", b"HEAD"):
        for headers in sent:
            with socket.create_connection(ask.address) as plain:
                plain.sendall(method + b" /runs.css HTTP/1.1\r\nHost: localhost\r\n" + headers + inner)
                answers = b""
                with suppress(ConnectionResetError):
                    while part := plain.recv(1 << 16):
                        answers += part
            assert answers.count(b"HTTP/1.1 ") == 1
            assert answers.startswith(b"HTTP/1.1 200")


def test_many_connections_may_wait(runs):
    with page_server(runs, 0) as serving, ExitStack() as opened:  # It answers nobody yet.
        for _ in range(64):
            one = opened.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(serving.server_address)
            assert select.select([], [one], [], 2)[1]


def test_what_cannot_be_served_is_told(runs, tmp_path, capsys):
    code, _, err = call(capsys, "view", runs / "b", "--port", 0)
    assert (code, "`jova-bench report" in err) == (2, True)
    assert "expected a run folder, or a folder of runs" in call(capsys, "view", tmp_path)[2]
    assert "No such file" in call(capsys, "view", tmp_path / "none")[2]
    with pytest.raises(BenchError, match="expected a free port, got 99999"):
        page_server(runs, 99999)
    with asking(runs) as ask, pytest.raises(BenchError, match="give another --port"):
        page_server(runs, ask.address[1])
