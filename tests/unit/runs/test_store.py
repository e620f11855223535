"""The run folder survives being killed at any byte and being shared."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from jova_bench.cache import DiskCache
from jova_bench.errors import BenchError
from jova_bench.files.writing import replacing
from jova_bench.records import Sample, Score
from jova_bench.runs.features import take_features
from jova_bench.runs.store import FEATURES, RunStore, read_run
from jova_bench.summary import Cost, Estimate, Summary
from support.made_runs import blank_manifest, model_record


def sample(seed=0, **kw):
    return Sample(**{"model": "m", "prompt_id": "p", "seed": seed, "status": "ok"} | kw)


def score(value=1.0, identity="wer@1/standard:x", **kw):
    fields = {"model": "m", "prompt_id": "p", "seed": 0, "metric": "wer", "status": "ok", "reason": None}
    return Score(**fields | {"identity": identity, "value": value} | kw)


def test_records_come_back_and_the_latest_of_a_key_wins(tmp_path):
    with RunStore(tmp_path / "run") as store:
        store.write_manifest(blank_manifest(suite="tiny"))
        store.add_sample(sample(0, status="failed", reason="out of memory"))
        store.add_sample(sample(1))
        store.add_sample(sample(0, clip="clips/m/p.0.mp4"))
        store.add_score(score(0.5))
        store.add_score(score(0.25))
        store.add_score(score(0.125, identity="wer@2/standard:x"))
        assert [s.seed for s in store.samples()] == [0, 1]
    run = read_run(tmp_path / "run")
    assert run.samples == (sample(0, clip="clips/m/p.0.mp4"), sample(1))
    # 0.25 replaced 0.5; another identity is another key.
    assert [s.value for s in run.scores] == [0.25, 0.125]
    assert run.manifest == blank_manifest(suite="tiny")
    assert run.summary is None


def test_a_run_killed_at_any_byte_of_its_last_line_resumes(tmp_path):
    with RunStore(tmp_path) as store:
        store.write_manifest(blank_manifest())
        for seed in range(3):
            store.add_sample(sample(seed))
    file = tmp_path / "samples.jsonl"
    whole = file.read_bytes()
    two = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for cut in range(two, len(whole)):
        file.write_bytes(whole[:cut])
        # A reader sees the whole lines, the next writer mends the file and goes on.
        assert [s.seed for s in read_run(tmp_path).samples] == [0, 1]
        with RunStore(tmp_path) as store:
            store.add_sample(sample(2))
        assert file.read_bytes() == whole


def test_a_broken_whole_line_is_named(tmp_path):
    with RunStore(tmp_path) as store:
        store.write_manifest(blank_manifest())
        store.add_score(score())
    with (tmp_path / "scores.jsonl").open("a") as file:
        file.write('{"model": "m"}\n')
    with pytest.raises(BenchError, match=r"scores.jsonl:2: prompt_id: expected a value"):
        read_run(tmp_path)


def test_a_second_writer_is_refused_with_the_pid_of_the_first(tmp_path):
    refusal = rf"pid {os.getpid()}\) is writing"
    with RunStore(tmp_path), pytest.raises(BenchError, match=refusal), RunStore(tmp_path):
        pass
    with RunStore(tmp_path):
        pass


def test_summary_round_trip_uses_the_published_field_names(tmp_path):
    estimate = Estimate(
        model="m", metric="wer", identity="wer@1/embedded:x", level="clip", value=None, unit="", direction="down",
        n_ok=0, n_undefined=1, n_failed=0, n_prompts=0, n_seeds=1,
    )  # fmt: skip
    cost = Cost(model="m", seconds_per_clip=1.5, real_time_factor=None, peak_memory_bytes=None, function_evals=8.0)
    summary = Summary(schema=1, suite="tiny", profile="embedded", estimates=(estimate,), cost=(cost,))
    with RunStore(tmp_path) as store:
        store.write_manifest(blank_manifest())
        store.write_summary(summary)
    assert (tmp_path / "summary.json").read_text().startswith('{\n  "schema": 1,')
    assert read_run(tmp_path).summary == summary


def test_folders_that_are_no_runs(tmp_path):
    with pytest.raises(BenchError, match=r"expected a run folder with a manifest\.json"):
        read_run(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BenchError, match=r"manifest\.json: expected JSON"):
        read_run(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="expected a folder to write a run in"), RunStore(tmp_path / "file"):
        pass


def test_ids_that_a_file_system_takes_for_one_keep_a_clip_each(tmp_path, monkeypatch):
    """Elsewhere one finds `A.0.mp4` under the name `a.0.mp4`, too: writing it would replace another prompt's clip."""
    store = RunStore(tmp_path)
    first = store.clip_path("M", "A", 0)
    store.keep_clip(b"", first)
    assert store.clip_path("M", "A", 0) == first
    assert store.clip_path("m", "a", 0) == tmp_path / "clips" / "m" / "a.0.mp4"  # Here they are two anyway.
    (tmp_path / "clips" / "m").mkdir()
    (tmp_path / "clips" / "M" / "a.0.mp4").write_bytes(b"")
    listed = {tmp_path / "clips": ["M"], tmp_path / "clips" / "M": ["A.0.mp4"]}
    monkeypatch.setattr(Path, "iterdir", lambda folder: (folder / name for name in listed[folder]))
    other = store.clip_path("M", "a", 0)
    assert re.fullmatch(r"a~[0-9a-f]{16}\.0\.mp4", other.name)
    assert other.parent == first.parent
    assert re.fullmatch(r"m~[0-9a-f]{16}", store.clip_path("m", "a", 0).parent.name)
    assert store.clip_path("M", "A", 0) == first


def test_a_clip_path_cannot_leave_the_run(tmp_path):
    store = RunStore(tmp_path)
    assert store.clip_path("m", "a.b", 3) == tmp_path / "clips" / "m" / "a.b.3.mp4"
    for model, prompt in (("..", "p"), ("m", "../p"), ("m/n", "p")):
        with pytest.raises(ValueError, match="without"):
            store.clip_path(model, prompt, 0)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    with RunStore(tmp_path) as store:
        store.write_manifest(blank_manifest(seeds=(1,)))
        odd = model_record(settings={"guidance": float("nan")})
        with pytest.raises(ValueError, match="JSON compliant"):
            store.write_manifest(blank_manifest(models={"m": odd}))
        assert store.manifest() == blank_manifest(seeds=(1,))
    assert not list(tmp_path.glob("*.part"))


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path):
    folder, outside = tmp_path / "run", tmp_path / ".other.jsonl.0123456789abcdef.part"
    (folder / "features" / "ab").mkdir(parents=True)
    (folder / "clips" / "m").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    outside.touch()
    parts = [
        folder / ".summary.json.0123456789abcdef.part",
        folder / "features" / "ab" / ".ff.npz.0123456789abcdef.part",
        folder / "clips" / "m" / ".p.0.mp4.0123456789abcdef.part",
    ]
    others = [
        folder / "clips" / "m" / "p.0.mp4",
        folder / "notes.part",
        folder / ".notes.part",
        folder / ".a.0123456789abcdef.part.txt",
    ]
    for path in (*parts, *others):
        path.touch()
    link = folder / ".link.0123456789abcdef.part"
    link.symlink_to(outside)
    with replacing(folder / "features" / "ab" / "live.npz") as file:
        # A report that is being written at the same time.
        file.write(b"x")
        with RunStore(folder):
            pass
    assert [path for path in parts if path.exists()] == []
    assert all(path.exists() for path in (*others, outside, link, folder / "features" / "ab" / "live.npz"))


@pytest.mark.parametrize("name", ["notes.txt", ".bashrc", "clips", "a.mp4"])
def test_a_folder_of_other_things_is_no_place_for_a_run(tmp_path, name):
    (tmp_path / name).touch()
    with (
        pytest.raises(BenchError, match=f"has files \\('{name}'\\) and no manifest.json; give another out="),
        RunStore(tmp_path),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_run_killed_before_its_first_manifest_goes_on(tmp_path):
    with RunStore(tmp_path):
        pass
    (tmp_path / ".manifest.json.0123456789abcdef.part").touch()
    with RunStore(tmp_path) as store:
        assert store.manifest() is None
    (tmp_path / ".gitignore").touch()
    with RunStore(tmp_path):
        pass


def test_a_new_default_folder_begins_with_the_features_of_others_of_its_name(tmp_path):
    runs, computed = tmp_path / "runs", []

    def kept(name, digest):
        return DiskCache(runs / name / FEATURES).get(digest, "x", lambda: computed.append(digest) or {"a": np.ones(2)})

    kept("c[l]ips-00000000", "first"), kept("c[l]ips-11111111", "second"), kept("c[l]ips-of-mine-22222222", "third")
    for _ in range(2):  # What is there already stays.
        take_features(runs / "c[l]ips-33333333")
    kept("c[l]ips-33333333", "first"), kept("c[l]ips-33333333", "second")
    assert computed == ["first", "second", "third"]
    kept("c[l]ips-33333333", "third")
    assert computed[3:] == ["third"]
    with RunStore(runs / "c[l]ips-44444444") as store:
        store.write_manifest(blank_manifest(suite="tiny"))
    take_features(store.folder)
    kept(store.folder.name, "first")
    assert computed[4:] == ["first"]
