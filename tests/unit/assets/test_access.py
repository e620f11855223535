"""A token of the Hub goes to the Hub alone, and whoever needs one is told how to have it."""

import json

import pytest

from jova_bench.assets import access, hub
from jova_bench.errors import BenchError
from jova_bench.progress import meter
from support.hub_server import COMMIT

TOKEN = "hf_secret7"
LISTING = f"/api/datasets/my-lab/talks/revision/{COMMIT}?blobs=true"
FILE = f"/datasets/my-lab/talks/resolve/{COMMIT}/a.bin"


@pytest.fixture
def talks(hub, monkeypatch):
    hub.files = {"a.bin": b"abc"}
    monkeypatch.setenv(access.TOKEN, TOKEN)
    return hub


def pulled(folder, revision=COMMIT):
    commit = hub.commit_of("datasets", "my-lab/talks", revision, folder, meter)
    return hub.fetch(commit.files["a.bin"], folder, meter)


def test_the_token_goes_to_the_hub_and_with_no_redirect_to_another_host(talks, monkeypatch, tmp_path):
    monkeypatch.setattr(access, "HUB", talks.url)
    talks.redirects[LISTING] = LISTING.replace("?", "?moved&")
    talks.raw[talks.redirects[LISTING]] = json.dumps(talks.listing(COMMIT)).encode()
    talks.redirects[FILE] = f"http://localhost:{talks.server_address[1]}/cdn"
    talks.raw["/cdn"] = b"abc"
    pulled(tmp_path)
    moved = talks.redirects[LISTING]
    assert talks.keys == {LISTING: f"Bearer {TOKEN}", moved: f"Bearer {TOKEN}", FILE: f"Bearer {TOKEN}", "/cdn": None}


def test_another_hub_gets_no_token(talks, tmp_path):
    pulled(tmp_path)
    assert set(talks.keys.values()) == {None}
    with pytest.raises(BenchError, match=r"not there \(HF_TOKEN goes to https://huggingface\.co alone\)$"):
        pulled(tmp_path, "v9")


@pytest.mark.parametrize("token", ["", TOKEN])
def test_what_is_denied_names_the_page_with_its_licence(talks, monkeypatch, tmp_path, token):
    monkeypatch.setattr(access, "HUB", talks.url)
    monkeypatch.setenv(access.TOKEN, token)
    having = "with the account of HF_TOKEN, which is to be valid" if token else "and set HF_TOKEN"
    page = f"{talks.url}/datasets/my-lab/talks"
    with pytest.raises(BenchError, match=f"HTTP 401 .*; if it is gated, accept its licence on {page} {having}$"):
        pulled(tmp_path, "v9")


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("api/models/my-lab/talker/revision/main?blobs=true", "my-lab/talker"),
        ("my-lab/talker/resolve/main/a/b.bin", "my-lab/talker"),
        ("datasets/my-lab/talks/resolve/main/b.bin", "datasets/my-lab/talks"),
    ],
)
def test_a_page_is_that_of_the_repository(monkeypatch, path, page):
    monkeypatch.delenv(access.TOKEN, raising=False)
    assert f"accept its licence on https://huggingface.co/{page} and" in access.hint(f"https://huggingface.co/{path}")


@pytest.mark.parametrize(
    "url", ["http://huggingface.co/a", "https://huggingface.co.evil.example/a", "https://huggingface.co@evil.example/"]
)
def test_no_address_like_the_hubs_gets_the_token(monkeypatch, url):
    monkeypatch.setenv(access.TOKEN, TOKEN)
    assert access.headers(url) == {}
    assert access.headers("https://huggingface.co/a") == {"Authorization": f"Bearer {TOKEN}"}


def test_the_token_stands_in_no_message(talks, monkeypatch, tmp_path):
    monkeypatch.setattr(access, "HUB", talks.url)
    talks.redirects[LISTING] = f"http://localhost:1/{TOKEN}"
    with pytest.raises(BenchError, match=r"a redirect to http://localhost:1/\[key\] from"):
        pulled(tmp_path)
    monkeypatch.setenv(access.TOKEN, "two words")
    with pytest.raises(BenchError, match=r"of ASCII in HF_TOKEN$"):
        pulled(tmp_path)
