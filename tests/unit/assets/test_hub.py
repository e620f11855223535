"""What is asked of the Hub, or of a mirror: whatever its files are called, and without its password in any word."""

import pytest

from jova_bench.assets import access, hub
from jova_bench.errors import BenchError
from jova_bench.progress import meter
from support.hub_server import COMMIT

SECRET, SENT = "p%40ss%2Fword", "Basic bWU6cEBzcy93b3Jk"
"""A password as an address has it, and `me:p@ss/word` in base64."""


def pulled(folder, revision=COMMIT):
    commit = hub.commit_of("datasets", "my-lab/talks", revision, folder, meter)
    return [hub.fetch(one, folder, meter) for one in commit.files.values()]


@pytest.mark.parametrize("name", ["é" * 45 + ".bin", "/".join(("a" * 100, "b" * 100, "c" * 60))])
def test_a_path_of_many_letters_is_downloaded(talks, tmp_path, name):
    """A byte of another script is three letters of a partial file's name, which has those of the folders, too."""
    talks.files = {name: b"abc"}
    assert len(pulled(tmp_path)) == 1
    assert (tmp_path / name).read_bytes() == b"abc"


@pytest.fixture
def talks(hub):
    hub.files = {"a.bin": b"abc"}
    return hub


@pytest.fixture
def mirror(talks, monkeypatch):
    """A mirror that wants a password."""
    monkeypatch.setenv(access.ENDPOINT, talks.url.replace("://", f"://me:{SECRET}@") + "/")
    return talks


def test_a_mirror_gets_its_password_and_no_other_host(mirror, tmp_path):
    file = f"/datasets/my-lab/talks/resolve/{COMMIT}/a.bin"
    mirror.redirects[file], mirror.raw["/cdn"] = f"http://localhost:{mirror.server_address[1]}/cdn", b"abc"
    pulled(tmp_path)
    listing = f"/api/datasets/my-lab/talks/revision/{COMMIT}?blobs=true"
    assert mirror.keys == {listing: SENT, file: SENT, "/cdn": None}
    assert access.headers(f"{mirror.url}.example/a") == access.headers(f"{access.HUB}/a") == {}


@pytest.mark.parametrize("what", ["denied", "another file", "another commit", "nobody there"])
def test_the_password_of_a_mirror_stands_in_no_message_and_in_no_file(mirror, monkeypatch, tmp_path, what):
    if what == "another file":
        mirror.bad = {"a.bin": b"xyz"}
    elif what == "another commit":
        mirror.changed = {"sha": "main"}
    elif what == "nobody there":
        monkeypatch.setenv(access.ENDPOINT, f"http://me:{SECRET}@127.0.0.1:1")
    with pytest.raises(BenchError, match=r" http://127\.0\.0\.1:\d+/") as error:
        pulled(tmp_path, "v9" if what == "denied" else COMMIT)
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(word in text for text in (str(error.value), *kept) for word in ("me:", "p%40ss", "p@ss", "word"))


@pytest.mark.parametrize("address", ["https://me:pass/word@mirror", "mirror", "ftp://mirror", "https://xn--a@"])
def test_an_address_of_a_mirror_that_is_none_is_not_shown(monkeypatch, tmp_path, address):
    monkeypatch.setenv(access.ENDPOINT, address)
    with pytest.raises(BenchError, match=r"^expected an address like https://huggingface\.co in HF_ENDPOINT, got ano"):
        pulled(tmp_path)


def test_an_empty_address_of_a_mirror_is_none(monkeypatch):
    monkeypatch.setenv(access.ENDPOINT, "")
    assert access.endpoint() == access.HUB
