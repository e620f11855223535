"""Weights of external models: of one commit of the Hub or by address, verified, and resumed where they broke off."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from jova_baselines import setup
from jova_baselines.external import home, install, pull
from jova_baselines.external.manifest import load
from jova_baselines.external.weights import Weights
from jova_bench.assets.table import FOLDER_VARIABLE
from jova_bench.errors import BenchError

COMMIT = "c" * 40
LARGE, SMALL = bytes(range(256)) * 1200, b'{"a": 1}'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The assets of these tests."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "assets"))


def blob(content):
    """Id that Git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """What the Hub answers, by the shape that huggingface_hub reads: `siblings` with `lfs` or `blobId`."""

    files: ClassVar = {"x/a.bin": LARGE, "x/sub/b.json": SMALL, "y.bin": b"not asked for"}

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/api/models/a/b/revision/main?blobs=true":
            siblings = [
                {"rfilename": name, "size": len(content), "blobId": blob(content)}
                for name, content in self.files.items()
            ]
            for one in siblings:
                if one["rfilename"] == "x/a.bin":
                    one["lfs"] = {"size": len(LARGE), "sha256": hashlib.sha256(LARGE).hexdigest()}
            content = json.dumps({"sha": COMMIT, "siblings": siblings} | self.server.changed).encode()
        else:
            content = self.server.bad.get(self.path) or self.files[self.path.removeprefix(f"/a/b/resolve/{COMMIT}/")]
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = self.server.cuts.pop() if self.server.cuts else len(content)
        self.wfile.write(content[start:end])

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.asked, server.bad, server.cuts, server.changed = [], {}, [], {}
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.delenv("JOVA_BENCH_OFFLINE", raising=False)
        monkeypatch.setattr("jova_bench.assets.transfer.PAUSE_S", 0.0)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


ORDER = json.loads(install.order(Weights(hub="a/b", files=("x/*",), licence="MIT"), None))


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_weights_from_the_hub_are_of_one_commit_and_each_file_is_verified(tmp_path, hub):
    folder = tmp_path / "in"
    pull.main(ORDER, folder)
    assert (folder / "x/a.bin").read_bytes() == LARGE
    assert everything(folder) == [".revision", ".verified.json", "x/a.bin", "x/sub/b.json"]
    assert (folder / pull.REVISION).read_text() == f"a/b@{COMMIT}\n"
    hub.asked.clear()
    (folder / "x/sub/b.json").write_bytes(SMALL[::-1])  # As long, but another.
    pull.main(ORDER, folder)
    assert [path for path, _ in hub.asked][1:] == [f"/a/b/resolve/{COMMIT}/x/sub/b.json"]
    assert (folder / "x/sub/b.json").read_bytes() == SMALL


def test_a_download_from_the_hub_goes_on_where_it_broke_off_and_is_missing_until_then(tmp_path, hub, monkeypatch):
    manifest = load("ovi").model_copy(update={"weights": (Weights(hub="a/b", files=("x/*",), licence="MIT"),)})
    where = home.of(manifest)
    monkeypatch.setattr("jova_bench.assets.transfer.ATTEMPTS", 1)
    monkeypatch.setattr(Hub, "files", dict(reversed(Hub.files.items())))  # The small file comes first.
    hub.cuts = [100_000, 10_000, 10_000]  # Of the last file, 100,000 bytes.
    with pytest.raises(BenchError, match="100000 bytes are kept"):
        pull.main(ORDER, where.weights)
    assert (where.weights / "x/sub/b.json").is_file()
    assert not (where.weights / pull.REVISION).exists()
    assert home.missing_weights(manifest) == [".parts: a download that was not finished"]
    assert len(install.weights(manifest, (), unpinned=True)) == 1
    hub.asked.clear()
    pull.main(ORDER, where.weights)
    assert hub.asked[-1] == (f"/a/b/resolve/{COMMIT}/x/a.bin", "bytes=100000-")
    assert (where.weights / "x/a.bin").read_bytes() == LARGE
    assert home.missing_weights(manifest) == []


@pytest.fixture
def fetched(hub, monkeypatch):
    """A manifest of one pattern, and the folder that its files were fetched into."""
    monkeypatch.setattr(Hub, "files", {"a.json": SMALL, "x/b.json": SMALL, "x/y/c.json": SMALL, "d.bin": SMALL})
    one = Weights(hub="a/b", folder="in", files=("*.json",), licence="MIT")
    manifest = load("ovi").model_copy(update={"weights": (one,)})
    folder = home.of(manifest).weights / "in"
    pull.main(json.loads(install.order(one, None)), folder)
    return manifest, folder


def test_a_digest_covers_what_a_pattern_fetches_of_folders_below_too(fetched):
    manifest, folder = fetched
    (one,) = manifest.weights
    here = home.present(manifest)
    assert list(here.files(one)) == ["a.json", "x/b.json", "x/y/c.json"]  # No notes of its own.
    assert (here.verified(one), home.missing_weights(manifest)) == (COMMIT, [])
    assert install.weights(manifest, (), unpinned=True) == []
    before = home.weights_digest(manifest)
    (folder / "x/y/c.json").write_bytes(SMALL * 2)
    assert (here.verified(one), home.weights_digest(manifest) == before) == (None, False)
    assert len(install.weights(manifest, (), unpinned=True)) == 1
    (folder / "x/y/c.json").unlink()
    assert home.missing_weights(manifest) == ["in/x/y/c.json"]


def test_a_file_that_the_hub_does_not_have_is_told_and_not_verified_again_and_again(fetched, capsys):
    manifest, folder = fetched
    (folder / "x/own.json").write_bytes(SMALL)
    assert home.described(manifest) == ["a/b (unpinned), licence MIT; unpinned: as found here, not verified"]
    assert home.weights_digest(manifest).endswith("?")
    assert install.weights(manifest, (), unpinned=True) == []
    assert setup._set_up(manifest, (), False, setup.carry_out)
    told = f"in/x/own.json is not of a/b@{COMMIT} (unpinned): with it these weights count as found, not verified"
    assert told in capsys.readouterr().out.splitlines()
    (folder / "x/own.json").unlink()
    assert home.present(manifest).strange() == []
    assert home.described(manifest)[0].endswith("unpinned: as it was fetched")


def test_what_other_weights_have_in_a_folder_below_is_theirs_and_links_are_followed(fetched, tmp_path):
    manifest, folder = fetched
    (one,) = manifest.weights
    (folder / "z").mkdir()
    (folder / "z/e.json").write_bytes(SMALL)
    other = Weights(url="http://a.example/e", folder="in/z", files=("e.json",), licence="MIT")
    both = home.present(manifest.model_copy(update={"weights": (one, other)}))
    assert list(both.files(other)) == ["e.json"]
    assert both.verified(one) == COMMIT
    (folder / "x/y").rename(tmp_path / "y")
    (folder / "x/y").symlink_to(tmp_path / "y")
    (folder / "x/up").symlink_to(folder)
    assert both.verified(one) == COMMIT


@pytest.mark.parametrize(("name", "kind"), [("x/a.bin", "sha256"), ("x/sub/b.json", "git")])
def test_a_file_of_the_hub_that_is_another_is_refused(tmp_path, hub, name, kind):
    right = Hub.files[name]
    hub.bad[f"/a/b/resolve/{COMMIT}/{name}"] = right[::-1]
    with pytest.raises(BenchError, match=f"{name}: expected {kind} .*, got .* from http"):
        pull.main(ORDER, tmp_path)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sha": "main"}, "expected a commit from http"),
        ({"siblings": [{"rfilename": "x/a.bin"}]}, "expected a list of files with sizes and digests"),
        ({"siblings": [{"rfilename": "x/../../a", "size": 1, "blobId": "0"}]}, "expected a list of files"),
        ({"siblings": [{"rfilename": "/x/a", "size": 1, "blobId": "0"}]}, "expected a list of files"),
        ({"siblings": []}, r"expected a file 'x/\*' in a/b@c{40}, got none"),
    ],
)
def test_another_answer_of_the_hub_is_told(tmp_path, hub, changed, said):
    hub.changed = changed
    with pytest.raises(BenchError, match=said):
        pull.main(ORDER, tmp_path / "in")
    assert everything(tmp_path / "in") == [".parts/listing.json"]
    assert not (tmp_path / "a").exists()


def test_offline_says_where_the_files_belong(tmp_path, hub, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_OFFLINE", "1")
    with pytest.raises(BenchError, match=f"offline; put the files of a/b into {tmp_path}"):
        pull.main(ORDER, tmp_path)
    assert hub.asked == []


def test_weights_by_address_are_verified(tmp_path):
    (tmp_path / "there.bin").write_bytes(b"weights")
    url, right = (tmp_path / "there.bin").as_uri(), hashlib.sha256(b"weights").hexdigest()
    order = {"url": url, "files": ["in/here.bin"]}
    pull.main({**order, "sha256": right}, tmp_path)
    assert (tmp_path / "in/here.bin").read_bytes() == b"weights"
    with pytest.raises(BenchError, match=f"expected sha256 {'0' * 64}"):
        pull.main({**order, "files": ["in/other.bin"], "sha256": "0" * 64}, tmp_path)
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["here.bin"]


def test_where_upstream_publishes_another_digest_that_one_is_verified(tmp_path):
    (tmp_path / "there.bin").write_bytes(b"weights")
    (tmp_path / "in").mkdir()
    url, right = (tmp_path / "there.bin").as_uri(), hashlib.md5(b"weights").hexdigest()
    for digest, name in ((right, "here.bin"), ("0" * 32, "other.bin")):
        order = json.loads(install.order(Weights(url=url, files=(name,), md5=digest, licence="MIT"), None))
        if digest == right:
            pull.main(order, tmp_path / "in")
        else:
            with pytest.raises(BenchError, match=f"expected md5 {digest}, got {right} from {url}"):
                pull.main(order, tmp_path / "in")
    assert everything(tmp_path / "in") == [".parts/.other.bin.part.json", ".verified.json", "here.bin"]
