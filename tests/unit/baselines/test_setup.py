"""`jova-bench baselines setup`: what it runs, in which order, and that it runs nothing twice."""

import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from jova_baselines import setup
from jova_baselines.external import home, install, pull
from jova_baselines.external.manifest import load
from jova_baselines.external.weights import Weights
from jova_bench import cli
from jova_bench.assets import table as assets
from jova_bench.errors import BenchError
from jova_bench.models.registry import create_model
from support.commands import call


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The assets of these tests, and an interpreter of every version on the path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for version in ("3.9", "3.10", "3.11", "3.12", "3.13"):
        (programs / f"python{version}").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "assets"))
    return tmp_path / "assets" / "baselines"


def recorded(steps):
    """A runner that runs nothing and remembers."""

    def run(step):
        steps.append(step)
        return 0

    return run


def test_a_dry_run_prints_what_is_left_and_does_nothing(folder, capsys):
    assert setup.main(["ovi", "--weights", "--accept", "non-commercial", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    checkout, python = folder / "ovi/checkout", folder / "ovi/env/bin/python"
    commit = "5b69b25a4b3115216e9ea53a37a04410be6ad39a"
    assert lines[0] == f"git -C {checkout} init --quiet"
    assert lines[1].endswith(f"--depth 1 https://github.com/character-ai/Ovi {commit}")
    assert lines[2] == f"git -C {checkout} checkout --quiet --detach FETCH_HEAD"
    assert lines[3].endswith(f"python3.10 -m venv --clear {folder / 'ovi/env'}")
    assert lines[4].startswith(f"{python} -m pip install --disable-pip-version-check --upgrade pip")
    assert [line.rpartition("version-check --uploaded-prior-to 2025-11-15 ")[2] for line in lines[5:8]] == [
        "torch==2.6.0 torchvision==0.21.0 torchaudio==2.6.0", "-r requirements.txt", "flash_attn --no-build-isolation",
    ]  # fmt: skip
    assert lines[8] == f"{python} -m pip freeze --all"
    assert [line.split()[0] for line in lines[9:]] == [sys.executable] * 3
    assert '"hub": "chetwinlow1/Ovi"' in lines[9]
    assert not folder.exists()


def test_terms_of_weights_must_be_accepted(capsys):
    assert setup.main(["ovi", "--weights", "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert "hkchengrex/MMAudio is CC-BY-NC-4.0: read its terms and add --accept non-commercial" in said


def test_a_step_that_fails_ends_it_and_the_environment_is_done_with_its_last_step(capsys):
    steps = []

    def run(step):
        steps.append(step)
        return 7 if "requirements.txt" in step.command else 0

    assert setup.set_up(["ovi"], run=run) == 5
    assert "jova-bench: ovi: that command ended with 7; fix its cause" in capsys.readouterr().err
    assert [step.writes for step in steps] == [None] * 7
    steps.clear()
    assert setup.set_up(["ovi"], run=recorded(steps)) == 0
    assert [step.writes is not None for step in steps] == [False] * 8 + [True]


def test_a_checkout_is_made_at_its_commit_and_a_change_of_it_is_found(tmp_path, folder, capsys):
    upstream = tmp_path / "upstream"
    upstream.mkdir()

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(["git", "-C", str(upstream), *identity, *arguments], capture_output=True, check=True)
        return done.stdout.decode().strip()

    git("init", "--quiet")
    (upstream / "model.py").write_text("1\n")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    first = git("rev-parse", "HEAD")
    (upstream / "model.py").write_text("2\n")
    git("commit", "-q", "-a", "-m", "two")
    manifest = load("ovi")
    source = manifest.source.model_copy(update={"repository": str(upstream), "commit": first})
    manifest = manifest.model_copy(update={"source": source})
    where = home.of(manifest)
    steps = install.code(manifest)
    assert [setup.carry_out(step) for step in steps[:3]] == [0, 0, 0]
    assert (where.checkout / "model.py").read_text() == "1\n"
    assert home.head(where.checkout) == first
    where.python.parent.mkdir(parents=True)
    where.python.touch()
    where.installed.write_text(home.recipe(manifest))
    assert install.code(manifest) == []
    assert home.missing(manifest).startswith("weights missing (Ovi/model_960x960.safetensors, ")
    (where.checkout / "model.py").write_text("3\n")
    assert home.missing(manifest).startswith(f"checkout modified (git -C {where.checkout} diff): ")
    other = manifest.model_copy(update={"source": source.model_copy(update={"commit": "f" * 40})})
    assert f"checkout at {first[:7]} instead of fffffff, environment made by another recipe" in home.missing(other)


def test_a_command_that_succeeds_is_written_down(tmp_path):
    done = (tmp_path / "done", "text")
    assert setup.carry_out(install.Step((sys.executable, "-c", "raise SystemExit(3)"), tmp_path, writes=done)) == 3
    assert not done[0].exists()
    said = tmp_path / "said"
    step = install.Step((sys.executable, "-c", "print('torch==2.6.0')"), tmp_path / "new", said, done)
    assert setup.carry_out(step) == 0
    assert (done[0].read_text(), said.read_text()) == ("text", "torch==2.6.0\n")
    broken = install.Step((sys.executable, "-c", "print('half'); raise SystemExit(1)"), tmp_path, said, done)
    assert setup.carry_out(broken) == 1
    assert said.read_text() == "torch==2.6.0\n"  # The list of packages, whose digest is a part of the identity.


def test_without_an_interpreter_uv_makes_the_environment_or_the_user_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(BenchError, match=r"expected python3\.10 on the path, got none; install it, or uv"):
        install.code(load("ovi"))
    programs = tmp_path / "uv"
    programs.mkdir()
    (programs / "uv").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(programs))
    commands = [step.command for step in install.code(load("ovi"))]
    assert (str(programs / "uv"), "venv", "--seed", "--allow-existing", "--python", "3.10") == commands[3][:6]


COMMIT = "c" * 40
LARGE, SMALL = bytes(range(256)) * 1200, b'{"a": 1}'


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


ORDER = json.loads(install._order(Weights(hub="a/b", files=("x/*",), licence="MIT")))


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_weights_from_the_hub_are_of_one_commit_and_each_file_is_verified(tmp_path, hub):
    folder = tmp_path / "in"
    pull.main(ORDER, folder)
    assert (folder / "x/a.bin").read_bytes() == LARGE
    assert everything(folder) == [".revision", "x/a.bin", "x/sub/b.json"]
    assert (folder / home.REVISION).read_text() == f"a/b@{COMMIT}\n"
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
    assert not (where.weights / home.REVISION).exists()
    assert home.missing_weights(manifest, where) == [".parts: a download that was not finished"]
    assert len(install.weights(manifest, ())) == 1
    hub.asked.clear()
    pull.main(ORDER, where.weights)
    assert hub.asked[-1] == (f"/a/b/resolve/{COMMIT}/x/a.bin", "bytes=100000-")
    assert (where.weights / "x/a.bin").read_bytes() == LARGE
    assert home.missing_weights(manifest, where) == []


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
        order = json.loads(install._order(Weights(url=url, files=(name,), md5=digest, licence="MIT")))
        if digest == right:
            pull.main(order, tmp_path / "in")
        else:
            with pytest.raises(BenchError, match=f"expected md5 {digest}, got {right} from {url}"):
                pull.main(order, tmp_path / "in")
    assert everything(tmp_path / "in") == [".parts/.other.bin.part.json", "here.bin"]


def test_what_upstream_asks_the_hubs_library_for_by_name_is_found_there():
    """By huggingface_hub itself, which is told to fetch nothing."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    one = Weights(hub="a/b", folder="in", files=("x.bin",), by_name=True, licence="MIT")
    pinned = one.model_copy(update={"revision": "c" * 40, "hub": "a/c"})
    manifest = load("ovi").model_copy(update={"weights": (one, pinned)})
    file = home.of(manifest).weights / "in" / "x.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    for _ in range(2):  # Every process of the harness does so.
        cache = home.show_by_name(manifest)["HF_HUB_CACHE"]
    for asked in ({"repo_id": "a/b"}, {"repo_id": "a/c", "revision": "c" * 40}, {"repo_id": "a/c"}):
        found = hf_hub_download(**asked, filename="x.bin", cache_dir=cache, local_files_only=True)
        assert Path(found).read_bytes() == b"weights"
    with pytest.raises(LocalEntryNotFoundError):
        hf_hub_download("a/c", "x.bin", revision="d" * 40, cache_dir=cache, local_files_only=True)
    assert home.show_by_name(load("ovi")) == {}


def test_other_weights_are_another_version(tmp_path):
    manifest = load("ovi")
    where = home.of(manifest)
    before = home.weights_digest(manifest)
    file = where.weights / "Ovi" / "model_960x960.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"one")
    first = home.weights_digest(manifest)
    (file.parent / home.REVISION).write_text("a/b@abc")
    assert len({before, first, home.weights_digest(manifest)}) == 3


def test_all_baselines_are_listed_with_what_they_need(capsys):
    assert setup.main([]) == 0
    said = capsys.readouterr().out
    assert "ovi            Ovi 1.1: 80 GB of GPU memory" in said
    assert "[checkout missing, environment missing: jova-bench baselines setup ovi; weights missing (" in said
    assert cli.main(["baselines"]) == 0
    assert capsys.readouterr().out == said
    assert "weights Apache-2.0, CC-BY-NC-4.0, unverified" in said


def test_several_are_set_up_and_one_that_fails_keeps_none_of_the_others_back(capsys):
    steps = []

    def run(step):
        steps.append(step)
        return 7 if "ovi" in str(step.command) else 0

    assert setup.set_up(["ovi", "mova"], run=run) == 5
    assert sum("/ovi/" in str(step.command) for step in steps) == 1
    assert steps[-1].writes[0] == home.of(load("mova")).installed
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["setup", "ov"], "jova-bench: expected the name of a baseline, got 'ov'; did you mean 'ovi'?\n"),
        (["setup", "mova", "ov", "--dry-run"], "did you mean 'ovi'?"),  # Before anything of the first is begun.
        (["setup"], "jova-bench baselines setup: the following arguments are required: NAME"),
        (["stup"], "jova-bench baselines: argument VERB: got 'stup'; did you mean 'setup'?"),
        (["setup", "ovi", "--weight"], "did you mean '--weights'?"),
        (["setup", "ovi", "--accept", "gpl"], "got 'gpl'"),
    ],
)
def test_a_mistake_gets_one_line(capsys, words, said):
    told = call(capsys, "baselines", *words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert told.err.count("\n") == 1


def test_a_gpu_is_asked_for_only_when_everything_is_there(monkeypatch):
    model = create_model("ovi", "cpu")
    assert "environment missing" in model.check()
    monkeypatch.setattr(home, "missing", lambda manifest: None)
    assert model.check() == "needs cuda, got cpu; choose the device cuda"
    assert create_model("ovi", "cuda:1").check() is None
