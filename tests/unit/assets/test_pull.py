"""Downloads from a server on this machine that misbehaves in every way that servers do."""

import hashlib
import json
import os
import shutil
from collections import namedtuple
from contextlib import nullcontext

import httpx2
import pytest

from jova_bench.assets import pull, transfer
from jova_bench.assets import table as assets
from jova_bench.errors import BenchError
from jova_bench.files.locks import acquire
from jova_bench.web import http
from support.file_server import CONTENT, SHA256

pytestmark = pytest.mark.usefixtures("no_pauses")


def get(asset, no_network=False):
    return pull.pull(assets.asset_table(), asset, lambda name, done, total: nullcontext(lambda count: None), no_network)


def left(asset):
    """Files beside the target, but for notes of digests."""
    target = assets.asset_table().path(asset.name)
    return sorted(file.name for file in target.parent.iterdir() if not file.name.endswith(".sha256.json"))


def test_a_file_is_in_place_verified_and_alone(server, toy):
    asset = toy(size=len(CONTENT))
    target = get(asset)
    assert target == assets.asset_table().path("toy") == assets.asset_table().find("toy")
    assert target.read_bytes() == CONTENT
    assert left(asset) == ["toy.pt"]
    assert get(asset) == target  # Again: nothing is asked of the server.
    assert server.asked == [None]


def test_progress_is_told_of_every_byte_and_of_those_that_were_there(server, toy):
    asset, told = toy(), []

    def meter(name, done, total):
        told.append([name, done, total, 0])
        return nullcontext(lambda count: told[-1].__setitem__(3, told[-1][3] + count))

    server.cuts = [100_000]
    pull.pull(assets.asset_table(), asset, meter, False)
    assert told == [["toy", 0, 300_000, 100_000], ["toy", 100_000, 300_000, 200_000]]


def test_a_download_that_breaks_off_goes_on_where_it_stopped(server, toy):
    asset = toy()
    server.cuts = [100_000, 50_000]
    assert get(asset).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_what_came_is_kept_for_the_next_command(server, toy):
    asset = toy()
    server.cuts = [100_000, 0, 0, 0, 0, 0]
    with pytest.raises(BenchError, match=r"toy: .* 100000 bytes are kept, the same command resumes"):
        get(asset)
    assert left(asset) == [".toy.pt.part.json", "toy.pt.part"]
    assert len(server.asked) == transfer.ATTEMPTS
    server.cuts, server.asked = [], []
    assert get(asset).read_bytes() == CONTENT
    assert server.asked == ["bytes=100000-"]


def test_a_server_without_ranges_starts_again(server, toy):
    server.ranges, server.cuts = False, [100_000]
    assert get(toy()).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]


def test_a_server_that_goes_nowhere_is_left_after_the_stated_number_of_connections(server, toy):
    """Without ranges a longer piece each time is no progress: all of it comes again."""
    server.ranges, server.cuts = False, [1000 * k for k in range(1, 50)]
    with pytest.raises(BenchError, match=r"^toy: .*received 5000 bytes, expected 300000.*; 5000 bytes are kept"):
        get(toy())
    assert len(server.asked) == transfer.ATTEMPTS


def test_nothing_is_written_past_a_known_size(server, toy):
    server.length = False
    asset = toy(size=1000)
    with pytest.raises(BenchError, match=r"toy: http.* sends more than the expected 1000 bytes"):
        get(asset)
    assert assets.asset_table().path("toy").with_name("toy.pt.part").stat().st_size == 0


def test_a_file_of_which_nobody_says_what_or_how_long_it_is_is_not_recorded(server, toy):
    """It may have ended early."""
    server.length = False
    with pytest.raises(
        BenchError, match=r"states no length and no digest of the file is published.*download it yourself"
    ):
        get(toy(sha256=None))
    assert assets.asset_table().expected("toy") is None
    assert get(toy(sha256=None, size=len(CONTENT))).read_bytes() == CONTENT
    assert pull.state(assets.asset_table(), toy(sha256=None)) == "unverified"
    assets.asset_table().path("toy").unlink()
    assert get(toy()).read_bytes() == CONTENT


def test_an_answer_without_content_is_no_file(server, toy):
    server.status = 204
    with pytest.raises(BenchError, match=r"toy: expected a file, got HTTP 204 No Content"):
        get(toy(sha256=None))


@pytest.mark.parametrize("etag", ['"v2"', 'W/"v2"', ""])
def test_halves_of_two_versions_are_never_put_together(server, toy, etag):
    """Without a published digest nobody would notice."""
    asset = toy(sha256=None)
    server.content, server.cuts = bytes(300_000), [100_000, *[0] * (transfer.ATTEMPTS - 1)]
    with pytest.raises(BenchError):
        get(asset)
    server.content, server.etag, server.cuts = CONTENT, etag, []
    assert get(asset).read_bytes() == CONTENT
    assert assets.asset_table().expected("toy") == SHA256


def test_without_digest_and_validator_a_download_starts_again(server, toy):
    server.etag, server.cuts = "", [100_000]
    assert get(toy(sha256=None)).read_bytes() == CONTENT
    assert server.asked == [None, None]


def test_a_whole_partial_file_needs_no_more_bytes(server, toy):
    """The process ended between the last byte and the renaming."""
    asset = toy()
    server.cuts = [100_000, *[0] * (transfer.ATTEMPTS - 1)]
    with pytest.raises(BenchError):
        get(asset)
    part = assets.asset_table().path("toy").with_name("toy.pt.part")
    part.write_bytes(CONTENT)
    assert get(asset).read_bytes() == CONTENT
    part.write_bytes(CONTENT + b"more than there is")
    assets.asset_table().path("toy").unlink()
    server.cuts = []
    assert get(asset).read_bytes() == CONTENT


def test_a_wrong_digest_is_refused_and_what_was_there_stays(server, toy):
    asset = toy(sha256="0" * 64)
    target = assets.asset_table().path("toy")
    target.parent.mkdir(parents=True)
    target.write_bytes(b"mine")
    with pytest.raises(BenchError, match=f"toy: expected sha256 {'0' * 64}, got {SHA256} from {server.url}"):
        get(asset)
    assert left(asset) == [".toy.pt.part.json", "toy.pt"]
    assert target.read_bytes() == b"mine"


def test_a_damaged_file_is_replaced(toy):
    asset = toy()
    target = assets.asset_table().path("toy")
    target.parent.mkdir(parents=True)
    target.write_bytes(b"damaged")
    assert pull.state(assets.asset_table(), asset) == "damaged"
    assert get(asset).read_bytes() == CONTENT
    assert pull.state(assets.asset_table(), asset) == "ok"


def test_a_digest_that_nobody_published_is_recorded_and_a_later_change_refused(server, toy):
    asset = toy(sha256=None)
    get(asset)
    assert assets.asset_table().expected("toy") == SHA256
    assets.asset_table().path("toy").unlink()
    server.content = CONTENT[::-1]
    with pytest.raises(BenchError, match=rf"expected sha256 {SHA256} \(recorded when first seen, in .*recorded.json\)"):
        get(asset)


def test_a_file_put_there_by_hand_is_seen_for_the_first_time(server, toy):
    asset = toy(sha256=None)
    assets.asset_table().path("toy").parent.mkdir(parents=True)
    assets.asset_table().path("toy").write_bytes(b"by hand")
    get(asset)
    assert assets.asset_table().expected("toy") == hashlib.sha256(b"by hand").hexdigest()
    assert server.asked == []


@pytest.mark.parametrize(
    ("fields", "changes", "message"),
    [
        ({"size": 5}, {}, "expected 5 bytes, http://.* has 300000"),
        ({}, {"kind": "text/html"}, "expected a file, got a web page from http"),
        ({}, {"status": 404}, "HTTP 404 Not Found from http"),
        ({}, {"status": 403}, "HTTP 403 Forbidden from http.*; download it yourself and put it at .*/nets/toy.pt"),
        ({"url": "http://127.0.0.1:1/toy.pt"}, {}, "cannot reach http://127.0.0.1:1/toy.pt: "),
        ({"url": "file:///none/toy.pt"}, {}, "cannot reach file:///none/toy.pt: "),
        ({"url": ""}, {}, "your table of assets names .*/nets/toy.pt, which is missing"),
    ],
)
def test_what_cannot_be_had_gets_one_clear_line(server, toy, fields, changes, message):
    for name, value in changes.items():
        setattr(server, name, value)
    asset = toy(**fields)
    with pytest.raises(BenchError, match=f"^toy: {message}") as error:
        get(asset)
    assert "\n" not in str(error.value)
    assert not assets.asset_table().path("toy").exists()


def test_a_full_disk_is_told_before_the_download(server, toy, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(transfer.SPARE + 1000))
    with pytest.raises(BenchError, match=r"GB free in .*; JOVA_BENCH_ASSETS names another folder"):
        get(toy())


def test_a_folder_that_cannot_be_written_is_named(toy, tmp_path):
    (tmp_path / "assets").write_text("a file")
    with pytest.raises(BenchError, match=r"toy: cannot write .*/assets/nets: "):
        get(toy())


def test_offline_touches_no_network_but_copies_files(server, toy, tmp_path):
    with pytest.raises(BenchError, match=f"toy: offline; put the file of {server.url} at .*/nets/toy.pt"):
        get(toy(), no_network=True)
    assert server.asked == []
    (tmp_path / "toy").write_bytes(CONTENT)
    assert get(toy(url=f"file://{tmp_path / 'toy'}"), no_network=True).read_bytes() == CONTENT


def test_two_commands_do_not_write_one_file(toy):
    asset = toy()
    folder = assets.asset_table().path("toy").parent
    folder.mkdir(parents=True)
    lock = folder / ".toy.pt.part.lock"
    with acquire(lock), pytest.raises(BenchError, match=rf"\(pid {os.getpid()}\) is downloading .*; wait for it"):
        get(asset)
    assert lock.exists()
    assert get(asset).read_bytes() == CONTENT
    assert not lock.exists()


OLD = {"ETag": '"v1"', "Content-Length": "10"}


@pytest.fixture
def away(tmp_path, monkeypatch):
    """Returns a function that fetches a file without a digest, to `part`, from what responds to requests."""

    def fetch(respond):
        client = httpx2.MockTransport(respond)
        monkeypatch.setattr(http, "_client", lambda timeout_s: httpx2.Client(transport=client))
        source = transfer.Source("toy", "http://a.example/toy", None, False, tmp_path / "toy", "")
        transfer.fetch(source, tmp_path / "part", lambda name, done, total: nullcontext(lambda count: None))
        return (tmp_path / "part").read_bytes()

    return fetch


@pytest.mark.parametrize(
    ("rest", "begins_again"),
    [
        ({"ETag": '"v1"', "Content-Range": "bytes 5-9/10"}, False),
        ({"ETag": '"v2"', "Content-Range": "bytes 5-9/10"}, True),
        ({"Content-Range": "bytes 5-9/10"}, True),
        ({"ETag": '"v1"', "Content-Range": "bytes 5-11/12"}, True),
        ({"ETag": '"v1"', "Content-Range": "bytes 5-6/10"}, True),
        ({"ETag": '"v1"', "Content-Range": "bytes 5-9/12"}, True),
    ],
)
def test_halves_of_two_versions_are_not_put_together_where_a_server_ignores_if_range(away, rest, begins_again):
    asked = []

    def first():
        yield b"old: "
        raise httpx2.ReadError("broken off")

    def respond(request):
        asked.append(request.headers.get("Range"))
        if len(asked) == 1:
            return httpx2.Response(200, headers=OLD, content=first())
        if asked[-1] is None:
            return httpx2.Response(200, headers={"Content-Length": "10"}, content=iter([b"new: whole"]))
        return httpx2.Response(206, headers=rest, content=iter([b"12345"]))

    assert away(respond) == (b"new: whole" if begins_again else b"old: 12345")
    assert asked == [None, "bytes=5-", *[None] * begins_again]


@pytest.mark.parametrize(("etag", "begins_again"), [('"v1"', False), ('"v2"', True), ("", True)])
def test_a_whole_part_of_another_version_is_not_taken_for_the_file(away, tmp_path, etag, begins_again):
    """The process ended before the renaming, and the server has other bytes, as many, since."""
    (tmp_path / "part").write_bytes(b"old: whole")
    about = {"url": "http://a.example/toy", "validator": '"v1"', "total": "10"}
    transfer.about_file(tmp_path / "part").write_text(json.dumps(about))

    def respond(request):
        if "Range" in request.headers:
            return httpx2.Response(416, headers={"Content-Range": "bytes */10", "ETag": etag})
        return httpx2.Response(200, headers={"Content-Length": "10"}, content=iter([b"new: whole"]))

    assert away(respond) == (b"new: whole" if begins_again else b"old: whole")
