"""Public prompt sets: files of one commit, each by its sha256, imported as a suite that runs by its name."""

import hashlib
import json

import pytest

from jova_bench.errors import BenchError
from jova_bench.progress import meter
from jova_bench.suites import public
from jova_bench.suites.importers import FORMATS
from jova_bench.suites.loading import load_suite
from jova_bench.suites.public import PublicSuite, public_suites, pull_public
from support.commands import call

COMMIT = "e" * 40
ROWS = json.dumps([{"content": "a bell", "prompt": "a bell rings"}, {"content": "rain", "prompt": "it rains"}]).encode()


@pytest.fixture
def bells(hub, monkeypatch):
    """The only public set there is."""
    monkeypatch.setattr(public, "ADDRESS", hub.url + "/{repository}/{commit}/{name}")
    hub.raw[f"/lab/bells/{COMMIT}/in/sounds.json"] = ROWS
    files = {"in/sounds.json": {"sha256": hashlib.sha256(ROWS).hexdigest(), "size": len(ROWS)}}
    one = PublicSuite(
        name="bells", repository="lab/bells", commit=COMMIT, format="avgen-bench", source="in", files=files
    )
    for module in ("public", "loading"):
        monkeypatch.setattr(f"jova_bench.suites.{module}.public_suites", lambda: {"bells": one})
    return one


def test_a_public_set_is_pulled_once_and_runs_by_its_name(bells, hub, capsys, tmp_path):
    code, _, err = call(capsys, "run", "--model", "real", "--suite", "bells")
    assert (code, err) == (2, "jova-bench: the suite 'bells' is public (MIT) and not here: "
                              "jova-bench suites pull bells\n")  # fmt: skip
    code, out, _ = call(capsys, "suites", "pull", "bells")
    suite = load_suite("bells")
    assert (code, out) == (0, f"bells: 2 prompts, digest {suite.digest[:12]}, licence MIT\n")
    assert (suite.name, suite.origin, suite.profile) == ("bells", f"github:lab/bells@{COMMIT}", "standard")
    assert [prompt.video_caption for prompt in suite.prompts] == ["a bell rings", "it rains"]
    hub.asked.clear()
    assert pull_public(bells, None) == suite.root
    assert hub.asked == []


def test_a_set_that_was_changed_here_is_not_taken_for_its_commit(bells, hub, capsys):
    """Nor one that no pull wrote; moved away, it is imported again without the network."""
    call(capsys, "suites", "pull", "bells")
    folder = load_suite("bells").root
    assert sorted(path.name for path in folder.parent.iterdir()) == ["bells", "bells.source"]
    for name in ("prompts.jsonl", "suite.toml", "origin.json"):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(kept.replace(b"rains", b"snows").replace(b"MIT", b"GPL"))
        if name == "origin.json":
            (folder / name).unlink()
        changed = "prompts.jsonl" if name == "prompts.jsonl" else "suite.toml"
        why = rf"{changed} is another than was downloaded; move {folder} away, and `jova-bench suites pull bells` imp"
        with pytest.raises(BenchError, match=why):
            load_suite("bells")
        code, out, err = call(capsys, "suites", "pull", "bells")
        assert (code, out) == (2, "")
        assert "is another than was downloaded" in err
        (folder / name).write_bytes(kept)
    (folder / "prompts.jsonl").unlink()
    assert call(capsys, "suites", "pull", "bells")[2].endswith("got other files there; move it away\n")
    folder.rename(folder.with_name("mine"))
    hub.asked.clear()
    assert call(capsys, "suites", "pull", "bells")[0] == 0
    assert (load_suite("bells").origin, hub.asked) == (f"github:lab/bells@{COMMIT}", [])


def test_a_file_that_is_another_is_refused_and_there_is_no_suite(bells, hub, capsys):
    hub.raw[f"/lab/bells/{COMMIT}/in/sounds.json"] = ROWS[::-1]
    code, out, err = call(capsys, "suites", "pull", "bells", "bell")
    assert (code, out) == (2, "")
    assert f"in/sounds.json: expected sha256 {bells.files['in/sounds.json'].sha256}, got" in err
    assert "expected a public suite or hf:ORG/NAME@REVISION, got 'bell'; did you mean 'bells'?" in err
    assert not bells.here


def test_offline_and_rows_that_are_no_prompts_are_told(bells, hub, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_OFFLINE", "1")
    with pytest.raises(BenchError, match="offline: bells is not in"):
        pull_public(bells, None)
    monkeypatch.delenv("JOVA_BENCH_OFFLINE")
    bad = b'[{"content": "a"}]'
    hub.raw[f"/lab/bells/{COMMIT}/in/sounds.json"] = bad
    file = public.File(sha256=hashlib.sha256(bad).hexdigest(), size=len(bad))
    with pytest.raises(BenchError, match=r"bells: .*sounds\.json:1: prompt: expected a text"):
        pull_public(bells.model_copy(update={"files": {"in/sounds.json": file}}), meter)
    assert not bells.here


def test_every_entry_of_the_table_can_be_imported_and_says_its_licence():
    for name, one in public_suites().items():
        assert one.format in FORMATS, name
        assert one.licence == FORMATS[one.format].licence
        inside = [file for file in one.files if one.source in (".", file) or file.startswith(f"{one.source}/")]
        assert len(inside) == len(one.files) > 0
        assert all(file.size < 4_000_000 for file in one.files.values())
