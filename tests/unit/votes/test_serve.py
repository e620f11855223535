"""Answers survive full disks, second browsers, killed writers and second servers; odd requests are told so."""

import json
import re
import resource
import socket
import threading
import unicodedata
from http.client import HTTPConnection
from importlib.resources import files

import pytest

from jova_bench.errors import BenchError
from jova_bench.ids import check_id
from jova_bench.votes.reading import read_votes
from jova_bench.votes.serve import Answers, admit, server
from jova_bench.votes.study import Given, read_key

KEY = {
    "schema": 1, "study": "s1", "suite": "made", "booklets": 2, "questions": [{"id": "sync", "text": "?"}],
    "clips": {f"{m}{k}": {"model": m, "prompt_id": f"p{k}", "seed": 0} for m in ("a", "b") for k in range(4)},
}  # fmt: skip


@pytest.fixture
def study(tmp_path):
    (tmp_path / "pages" / "clips").mkdir(parents=True)
    (tmp_path / "pages" / "clips" / "0f.mp4").write_bytes(bytes(range(100)))
    (tmp_path / "answers").mkdir()
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    return tmp_path


@pytest.fixture
def ask(study):
    """Sends requests of ann to a server of the study."""
    raters = admit(study, ["ann"])
    with server(study, raters, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()

        def send(method, name, body=None, **headers):
            connection = HTTPConnection(*serving.server_address)
            try:
                connection.request(method, f"{send.path}/{name}", body, headers)
                response = connection.getresponse()
                return response.status, response.read()
            finally:
                connection.close()

        send.address, send.path = serving.server_address, f"/{raters.raters['ann'].token}"
        yield send
        serving.shutdown()
        thread.join()


def line(k, answer="left", **more):
    return {
        "study": "s1", "rater": "ann", "question": "sync", "left": f"a{k}", "right": f"b{k}", "answer": answer,
        "seconds": 1.0,
    } | more  # fmt: skip


def text(*lines):
    return "".join(json.dumps(one) + "\n" for one in lines)


def preferred(study):
    return {one.prompt_id: one.answer for one in read_votes([study])}


def test_a_full_disk_takes_nothing_and_loses_nothing(study, ask):
    assert ask("POST", "answers", text(line(0)))[0] == 204
    path = study / "answers" / "ann.jsonl"
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))  # A short write, then an error.
    try:
        full = ask("POST", "answers", text(line(1)))[0]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert full == 507
    assert path.read_bytes() == before
    assert ask("POST", "answers", text(line(1)))[0] == 204  # Sent again when there is room.
    assert preferred(study) == {"p0": "left", "p1": "left"}


def test_a_rater_that_starts_again_keeps_first_answers_and_gives_new_ones(study, ask):
    assert ask("POST", "answers", text(line(0), line(1)))[0] == 204
    turned = line(0, "right", left="b0", right="a0", seconds=9.0)  # The same clip, on the other side.
    assert ask("POST", "answers", text(turned)) == (204, b"")
    status, body = ask("POST", "answers", text(turned, line(1, "right"), line(2, "same")))
    assert (status, json.loads(body)) == (200, {"known": [1]})
    assert preferred(study) == {"p0": "left", "p1": "left", "p2": "same"}


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (text(line(1)).rstrip(), ["p0", "p1"]),  # Whole, as an editor leaves it.
        ("\n" + text(line(1)), ["p0", "p1"]),
        (text(line(1))[:40], ["p0"]),  # A writer that was killed.
        ("\r\n  ", ["p0"]),
    ],
)
def test_the_end_of_a_file_is_cut_only_where_it_is_no_line(study, end, kept):
    (study / "answers" / "ann.jsonl").write_text(text(line(0)) + end)
    known = Answers(study, read_key(study)).add("ann", [Given(**line(k, "right")) for k in (0, 1, 2)])
    assert known == list(range(len(kept)))
    assert preferred(study) == {p: "left" if p in kept else "right" for p in ("p0", "p1", "p2")}


def test_a_study_has_one_server(study, ask):
    raters = admit(study, [])
    with pytest.raises(BenchError, match=r"expected a study that nobody serves, got .*pid \d+"):
        server(study, raters, 0)


def test_a_server_that_could_not_start_leaves_the_study_free(study):
    raters = admit(study, ["ann"])
    for _ in range(2):
        with pytest.raises(BenchError, match="expected a free port, got 99999"):
            server(study, raters, 99999)
    (study / "answers" / "ben.jsonl").write_text("[]\n")
    for _ in range(2):
        with pytest.raises(BenchError, match=r"ben.jsonl:1"):
            server(study, raters, 0)


def test_a_name_keeps_its_address_however_it_is_typed(study):
    composed, decomposed = "Ren\u00e9", "Rene\u0301"
    first = admit(study, [composed]).raters
    assert admit(study, [decomposed, "ann"]).raters[composed] == first[composed]
    assert list(admit(study, []).raters) == [composed, "ann"]


def test_the_page_takes_the_names_that_ids_are():
    regex = pytest.importorskip("regex", reason="not installed: pip install 'jova-bench[standard]'")
    page = (files("jova_bench") / "report/html/templates/vote.html").read_text(encoding="utf-8")
    (pattern,) = re.findall(r'pattern="([^"]+)"', page)
    takes = regex.compile(pattern, regex.V1).fullmatch

    def is_id(name):
        try:
            return bool(check_id(name))
        except ValueError:
            return False

    letters = [chr(k) for k in range(1, 0x3400) if unicodedata.category(chr(k)) != "Cn"]  # Unicodes differ by age.
    names = [*letters, *(f"a{one}" for one in letters), "a..b", "..", "a.b", "-", "x\u00b2", "\u2163", "a\U000e0100"]
    assert [name for name in names if bool(takes(name)) != is_id(name)] == []
    assert takes("j.doe_2-x")
    assert not takes("x\u00b2")


def test_an_address_without_its_last_slash_leads_to_the_page(ask):
    connection = HTTPConnection(*ask.address)
    connection.request("GET", ask.path)  # The page's scripts and clips lie beside it.
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"], answer.read()) == (302, f"{ask.path}/", b"")
    connection.request("GET", f"{ask.path}x")
    assert connection.getresponse().status == 403
    connection.close()


def test_odd_requests_get_answers(ask):
    clip = "clips/0f.mp4"
    assert ask("GET", clip, Host="[")[0] == 400
    assert ask("GET", clip, Range=f"bytes={'9' * 5000}-")[0] == 400
    assert ask("GET", clip, Range=f"bytes=0-{'9' * 5000}")[0] == 400
    assert ask("GET", clip, Range="bytes=100-")[0] == 416
    assert ask("GET", clip, Range="bytes=98-1000") == (206, bytes([98, 99]))
    assert ask("GET", clip, Range="bytes=9-8") == (200, bytes(range(100)))
    for length in ("9" * 5000, "-1", "x"):
        assert ask("POST", "answers", **{"Content-Length": length})[0] == 400
    with socket.create_connection(ask.address) as plain:
        plain.sendall(b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert plain.makefile("rb").readline().split()[1] == b"400"
