"""Suites of the Hub: of one commit that is recorded, every file verified, and hostile answers refused."""

import json

import pytest

import jova_bench
from jova_bench.assets.table import folder as assets_folder
from jova_bench.errors import BenchError
from jova_bench.suites.loading import load_suite
from support.clips import write_noise
from support.commands import call
from support.hub_server import COMMIT, NEXT

MAIN, FIXED = "hf:my-lab/talks@main", f"hf:my-lab/talks@{COMMIT}"
INFO = b'name = "talks"\ndescription = "d"\nprofile = "standard"\nlicence = "CC0-1.0"\nreference_set = "real"\n'
LISTING = f"/api/datasets/my-lab/talks/revision/{COMMIT}?blobs=true"


@pytest.fixture
def talks(hub, tmp_path):
    """Two prompts, one with a clip; a reference set; and a file that nobody asks for."""
    lines = [
        {"id": "a", "video_caption": "v", "audio_caption": "", "transcript": "hi", "reference": "media/a_b.wav"},
        {"id": "b", "video_caption": "w", "audio_caption": "", "transcript": ""},
    ]
    write_noise(tmp_path / "clip.wav")
    hub.files = {
        "prompts.jsonl": "".join(json.dumps(line) + "\n" for line in lines).encode(),
        "suite.toml": INFO,
        "media/a_b.wav": (tmp_path / "clip.wav").read_bytes(),
        "real/x.mp4": b"real",
        "train/huge.bin": b"not asked for",
    }
    hub.large = ("media/a_b.wav",)
    return hub


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_suite_of_the_hub_is_of_one_commit_which_runs_record(talks, tmp_path, capsys):
    suite = load_suite(MAIN)
    assert [one.id for one in suite.prompts] == ["a", "b"]
    assert (suite.name, suite.origin, suite.licence) == ("talks", FIXED, "CC0-1.0")
    place = assets_folder() / "suites/hub/my-lab/talks"
    names = ["media/a_b.wav", "prompts.jsonl", "real/x.mp4", "suite.toml"]
    assert everything(place / COMMIT) == names
    kept = json.loads((place / f"{COMMIT}.json").read_text())
    assert (kept["licence"], sorted(kept["files"])) == ("cc-by-4.0", names)
    # What was resolved once is what the address means, without the network, until it is pulled again.
    talks.asked.clear()
    talks.head = NEXT
    assert load_suite(MAIN).digest == load_suite(FIXED).digest == suite.digest
    assert talks.asked == []
    words = ["--metrics", "loudness", "--device", "cpu", "--workers", "0", "--out", tmp_path / "run"]
    code, _, err = call(capsys, "run", "--model", "real", "--suite", MAIN, "--limit", "1", *words)
    assert code == 0
    assert f"the suite talks is {FIXED}, licence CC0-1.0\n" in err
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert (manifest["suite_origin"], manifest["suite_digest"]) == (FIXED, suite.digest)
    talks.files["prompts.jsonl"] += b'{"id": "c", "video_caption": "x", "audio_caption": "", "transcript": ""}\n'
    code, out, _ = call(capsys, "suites", "pull", MAIN)
    assert (code, out.split(":")[1]) == (0, f"my-lab/talks@{NEXT}")
    assert len(load_suite(MAIN).prompts) == 3
    assert load_suite(FIXED).digest == suite.digest


def test_a_pull_that_broke_off_goes_on_and_is_no_suite_before(talks, monkeypatch):
    whole = talks.files["real/x.mp4"]
    talks.bad["real/x.mp4"] = whole[:-1]
    with pytest.raises(BenchError, match=r"real/x\.mp4: expected 4 bytes"):
        load_suite(MAIN)
    talks.bad.clear()
    talks.asked.clear()
    load_suite(MAIN)
    assert [path.rpartition("/")[2] for path in talks.asked[1:]] == ["x.mp4"]
    monkeypatch.setenv("JOVA_BENCH_OFFLINE", "1")
    assert jova_bench.load_suite(MAIN).origin == FIXED
    with pytest.raises(BenchError, match="offline: hf:my-lab/talks@v1 is not in"):
        load_suite("hf:my-lab/talks@v1")


@pytest.mark.parametrize(
    ("name", "said"), [("media/a_b.wav", "sha256"), ("prompts.jsonl", "git"), ("suite.toml", "git")]
)
def test_a_file_with_another_digest_is_refused(talks, name, said):
    talks.bad[name] = talks.files[name][::-1]
    with pytest.raises(BenchError, match=f"{name}: expected {said} .*, got "):
        load_suite(FIXED)
    assert not (assets_folder() / f"suites/hub/my-lab/talks/{COMMIT}.json").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sha": NEXT}, f"expected the commit {COMMIT} from http"),
        ({"sha": "../../x"}, "expected a commit from http"),
        ({"siblings": [{"rfilename": "../prompts.jsonl", "size": 1, "blobId": "0"}]}, "expected a list of files"),
        ({"siblings": [{"rfilename": "/etc/x", "size": 1, "blobId": "0"}]}, "expected a list of files"),
        ({"siblings": [{"rfilename": ".parts/x", "size": 1, "blobId": "0"}]}, "expected a list of files"),
        ({"siblings": [{"rfilename": "prompts.jsonl"}]}, "expected a list of files"),
        ({"siblings": [{"rfilename": "prompts.jsonl", "size": -1, "blobId": "0"}]}, "expected a list of files"),
        ({"siblings": [{"rfilename": "data.parquet", "size": 1, "blobId": "0"}]}, r"got data\.parquet; download"),
        ({"siblings": [{"rfilename": "prompts.jsonl", "size": 10**12, "blobId": "0"}]}, "expected at most 64 MB"),
    ],
)
def test_a_hostile_answer_is_refused(talks, changed, said):
    talks.changed = changed
    with pytest.raises(BenchError, match=said):
        load_suite(FIXED)


def test_digests_come_from_the_host_that_was_asked_and_are_of_limited_length(talks, monkeypatch):
    talks.redirects[LISTING] = f"http://localhost:{talks.server_address[1]}{LISTING}"
    with pytest.raises(BenchError, match="HTTP 302 Found, a redirect to http://localhost"):
        load_suite(FIXED)
    moved = LISTING.replace("?", "?moved&")
    talks.redirects[LISTING] = moved  # The same host: a repository that was renamed.
    talks.raw[moved] = json.dumps(talks.listing(COMMIT)).encode()
    # A file may come from elsewhere: its digest was stated by the one that was asked.
    name = f"/datasets/my-lab/talks/resolve/{COMMIT}/real/x.mp4"
    talks.redirects[name] = f"http://localhost:{talks.server_address[1]}/cdn"
    talks.raw["/cdn"] = b"evil"
    with pytest.raises(BenchError, match=r"real/x\.mp4: expected git"):
        load_suite(FIXED)
    talks.raw["/cdn"] = b"real"
    assert load_suite(FIXED).origin == FIXED
    monkeypatch.setattr("jova_bench.assets.hub.LISTING_BYTES", 100)
    with pytest.raises(BenchError, match="my-lab/talks@v1: expected at most 100 bytes"):
        load_suite("hf:my-lab/talks@v1")


def test_prompts_that_are_none_or_name_what_is_not_there_are_told(talks):
    right = talks.files["prompts.jsonl"]
    for wrong, said in (
        (right.replace(b"a_b", b"gone"), r"expected the file 'media/gone\.wav', which a prompt names, got none"),
        (right.replace(b"media/a_b", b"../../a"), r"expected the file '\.\./\.\./a\.wav'"),
        (b'{"id": "a"}\n', rf"{COMMIT}: prompts\.jsonl:1: video_caption: expected a value, got none"),
    ):
        talks.files["prompts.jsonl"] = wrong
        with pytest.raises(BenchError, match=said):
            load_suite(FIXED)


@pytest.mark.parametrize(
    "address",
    [
        "hf:a/b",
        "hf:a@main",
        "hf:a/b@",
        "hf:../b@main",
        "hf:a/..@main",
        "hf:a/b/c@x",
        "hf:a/b@../x",
        "hf:a/b@x y",
        "hf:",
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_asked(talks, address):
    with pytest.raises(BenchError, match="expected hf:ORG/NAME@REVISION"):
        load_suite(address)
    assert talks.asked == []


def test_a_suite_without_a_suite_toml_has_the_repositorys_name_and_licence(talks):
    del talks.files["suite.toml"]
    suite = load_suite(FIXED)
    assert (suite.name, suite.licence, suite.profile) == ("talks", "cc-by-4.0", None)


def test_what_is_private_or_not_there_is_told(talks):
    with pytest.raises(BenchError, match=r"my-lab/talks@v9: HTTP 401 .*; it is private, gated or not there$"):
        load_suite("hf:my-lab/talks@v9")


def test_without_the_network_a_pull_says_what_is_here_and_a_suite_is_validated(talks, capsys, monkeypatch):
    load_suite(MAIN)
    monkeypatch.setenv("JOVA_BENCH_OFFLINE", "1")
    capsys.readouterr()
    code, _, err = call(capsys, "suites", "pull", MAIN)
    now = f"which commit {MAIN} is now cannot be asked; it was {COMMIT}, which is here"
    assert (code, err) == (2, f"jova-bench: offline: {now}; unset JOVA_BENCH_OFFLINE to ask\n")
    assert call(capsys, "suites", "pull", FIXED)[0] == 0
    code, out, _ = call(capsys, "suites", "validate", MAIN)
    assert (code, out.partition(";")[0]) == (0, "talks: 2 prompts, 1 with transcript, 1 with reference")


def test_a_pull_of_a_reference_set_that_is_no_folder_fails(talks, capsys):
    talks.files["suite.toml"] = INFO.replace(b'"real"', b'"real/../real"')
    code, _, err = call(capsys, "suites", "pull", FIXED)
    assert (code, "reference_set: expected a folder of real clips, got '" in err) == (2, True)


def test_a_file_that_changed_since_is_told(talks):
    load_suite(MAIN)
    place = assets_folder() / f"suites/hub/my-lab/talks/{COMMIT}"
    for name in ("media/a_b.wav", "prompts.jsonl"):
        whole = (place / name).read_bytes()
        (place / name).write_bytes(whole + b"\n")
        with pytest.raises(BenchError, match=f"{name} is another than was downloaded; delete the folder"):
            load_suite(MAIN)
        (place / name).write_bytes(whole)
    assert len(load_suite(MAIN).prompts) == 2


def test_a_damaged_record_is_told(talks):
    load_suite(MAIN)
    record = assets_folder() / f"suites/hub/my-lab/talks/{COMMIT}.json"
    record.write_text("{}")
    with pytest.raises(BenchError, match=f"{COMMIT}\\.json: repository: expected a value"):
        load_suite(MAIN)


def test_a_suite_toml_is_verified_and_takes_no_name_of_ours_nor_files_of_the_user(talks):
    load_suite(FIXED)
    path = assets_folder() / f"suites/hub/my-lab/talks/{COMMIT}/suite.toml"
    for change in (lambda: path.write_bytes(INFO + b'metrics = ["wer"]\n'), path.unlink):
        change()
        with pytest.raises(BenchError, match=r"suite\.toml is another than was downloaded; delete the folder"):
            load_suite(FIXED)
    for info, said in (
        (INFO.replace(b'"talks"', b'"embedded"'), "expected another name than a shipped suite's, got 'embedded'"),
        (INFO + b'metrics = ["judge:/any/path.toml#q"]\n', "metrics: expected names, got the file 'judge:/any"),
        (INFO + b'metrics = ["judge:here.toml"]\n', "metrics: expected names, got the file 'judge:here"),
    ):
        talks.files["suite.toml"] = info
        (assets_folder() / f"suites/hub/my-lab/talks/{COMMIT}.json").unlink()
        with pytest.raises(BenchError, match=said):
            load_suite(FIXED)
