"""The manifest: written as it was before it was a record, and what a plan in it is compared by."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from jova_bench.errors import BenchError
from jova_bench.models.base import Plan
from jova_bench.runs.manifest import Manifest, PlanRecord, read_manifest
from jova_bench.runs.store import RunStore, read_run
from support.tiny_runs import Level, Tones, go

OLD = Path(__file__).parents[2] / "integration" / "old_runs"


@pytest.mark.parametrize("form", ["schema_1", "oldest"])
def test_a_manifest_is_written_as_it_was_read(tmp_path, form):
    before = (OLD / form / "manifest.json").read_bytes()
    manifest = read_manifest(json.loads(before), "manifest.json")
    with RunStore(tmp_path) as store:
        store.write_manifest(manifest)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_new_manifest_has_the_keys_of_the_old_in_their_order(tmp_path):
    go(tmp_path, [Tones()], [Level()])
    now = json.loads((tmp_path / "run" / "manifest.json").read_text())
    before = json.loads((OLD / "schema_1" / "manifest.json").read_text())
    assert (now["schema"], before["schema"]) == (2, 1)
    assert list(now) == list(before)
    for key in ("specs", "prompts"):
        assert list(now[key][0]) == list(before[key][0])
    assert list(now["provenance"][0]) == list(before["provenance"][0])
    assert list(now["fairness"]) == list(before["fairness"])
    assert list(now["models"]["tones"]) == list(before["models"]["jova"])
    plan = now["models"]["tones"]["plans"]["p0"]
    assert list(plan) == [*before["models"]["jova"]["plans"]["test-00000"], "settings", "weights"]


def test_no_schema_is_the_first(tmp_path):
    assert read_manifest({"suite": "a"}, "x") == Manifest(suite="a")
    with pytest.raises(BenchError, match="x: expected schema 1 or 2, got 3: another version of jova-bench wrote it"):
        read_manifest({"schema": 3}, "x")


def test_rewording_a_note_refuses_no_folder(tmp_path):
    go(tmp_path, [Tones(note="euler, 25 steps")], [Level()])
    go(tmp_path, [Tones(note="25 steps of Euler's method")], [Level()])
    assert read_run(tmp_path / "run").manifest.models["tones"].plans["p0"].note == "25 steps of Euler's method"
    assert Plan(note="a") == Plan(note="b")
    assert Plan(weights="a") != Plan(weights="b")


PLAN = Plan(25, 25.0, 48, 64, 16_000, 1.0, "25 steps, weights abc", None, {"steps": 25}, "abc")


@pytest.mark.parametrize(
    ("changes", "differ"),
    [
        ({"note": "other words"}, None),
        ({"height": 96}, "height was 48, is 96"),
        ({"audio": "driving"}, "audio was None, is driving"),
        ({"settings": {"steps": 30}}, "settings was {'steps': 25}, is {'steps': 30}"),
        ({"weights": "def", "seconds": None}, "seconds was 1.0, is None; weights was abc, is def"),
    ],
)
def test_a_plan_is_compared_by_its_format_settings_and_weights(changes, differ):
    assert record(PLAN).differences(record(replace(PLAN, **changes))) == differ


@pytest.mark.parametrize(
    ("changes", "differ"),
    [
        ({}, None),
        ({"settings": {"steps": 30}, "weights": "def"}, None),
        ({"note": "30 steps, weights abc"}, "note was 25 steps, weights abc, is 30 steps, weights abc"),
        ({"fps": 24.0}, "fps was 25.0, is 24.0"),
    ],
)
def test_a_plan_of_schema_1_is_compared_by_its_note(changes, differ):
    written = {key: value for key, value in vars(PLAN).items() if key not in ("settings", "weights")}
    assert PlanRecord(**written).differences(record(replace(PLAN, **changes))) == differ


def test_a_folder_of_schema_1_is_compared_by_fields_once_it_was_resumed(tmp_path):
    go(tmp_path, [Tones(note="v1")], [Level()])
    path = tmp_path / "run" / "manifest.json"
    manifest = json.loads(path.read_text()) | {"schema": 1}
    for plan in manifest["models"]["tones"]["plans"].values():
        del plan["settings"], plan["weights"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(BenchError, match="prompt 'p0': note was v1, is v2; give another --out"):
        go(tmp_path, [Tones(note="v2")], [Level()])
    go(tmp_path, [Tones(note="v1")], [Level()])
    go(tmp_path, [Tones(note="v2")], [Level()])
    with pytest.raises(BenchError, match="another version of 'tones'"):
        go(tmp_path, [Tones(note="v2", version=2)], [Level()])


def test_a_plan_that_cannot_be_kept_names_its_field(tmp_path):
    model = Tones()
    model.plan = lambda prompt, suite: Plan(frames="many")
    with pytest.raises(BenchError, match=r"the model 'tones': its plan for prompt 'p0': frames: .*, got 'many'"):
        go(tmp_path, [model], [Level()])


def record(plan):
    return PlanRecord(**vars(plan))
