"""The manifest: every key is there, what a plan is compared by, and what of this holds for folders of schema 1."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from jova_bench.errors import BenchError
from jova_bench.models.base import Plan
from jova_bench.models.registry import create_model
from jova_bench.runs.manifest import PlanRecord, read_manifest
from jova_bench.runs.store import RunStore, read_run
from jova_bench.suites.loading import load_suite
from support.tiny_runs import Level, Tones, go

OLD = Path(__file__).parents[2] / "integration" / "old_runs"


def old(form):
    return json.loads((OLD / form / "manifest.json").read_text())


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new")
    go(folder, [Tones()], [Level()])
    return json.loads((folder / "run" / "manifest.json").read_text())


def at(value, place):
    for step in place:
        value = value[step]
    return value


def lacking(value, place, key):
    """A copy without one key of the object at a place."""
    copy = json.loads(json.dumps(value))
    del at(copy, place)[key]
    return copy


PLACES = [
    (),
    ("models", "tones"),
    ("models", "tones", "plans", "p0"),
    ("fairness",),
    ("provenance", 0),
    ("specs", 0),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)) or "manifest")
def test_a_manifest_that_lacks_a_key_is_refused_by_its_name(new, place):
    assert len(at(new, place)) >= 5
    for key in at(new, place):
        said = f"{'.'.join(map(str, (*place, key)))}: expected a value, got none"
        with pytest.raises(BenchError) as refused:
            read_manifest(lacking(new, place, key), "manifest.json")
        assert str(refused.value).startswith(f"manifest.json: {'expected schema' if key == 'schema' else said}")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("specs", 0, "params", "x"), None, "specs.0.params.x: expected a text or a number, got None"),
        (("models", "tones", "plans", "p0", "fps"), "x", "models.tones.plans.p0.fps: expected a number, got 'x'"),
        (("models", "tones", "plans", "p0"), 3, "models.tones.plans.p0: expected an object, got 3"),
        (("models", "tones", "plans", "p0"), {"why_not": 3}, "models.tones.plans.p0.why_not: expected a text, got 3"),
    ],
)
def test_a_value_of_none_of_several_kinds_is_one_fault_of_its_field(new, place, value, said):
    broken = json.loads(json.dumps(new))
    at(broken, place[:-1])[place[-1]] = value
    with pytest.raises(BenchError) as refused:
        read_manifest(broken, "manifest.json")
    assert str(refused.value) == f"manifest.json: {said}"


@pytest.mark.parametrize("form", ["schema_1", "oldest"])
def test_an_old_manifest_that_lacks_a_key_of_the_first_version_is_refused(form):
    for key in old("oldest"):
        if key != "schema":
            with pytest.raises(BenchError, match=f"manifest.json: {key}: expected a value, got none"):
                read_manifest(lacking(old(form), (), key), "manifest.json")
    for place in (("models", "jova"), ("models", "jova", "plans", "test-00000"), ("fairness",), ("provenance", 0)):
        for key in at(old("oldest"), place):
            with pytest.raises(BenchError, match=f"{key}: expected a value, got none"):
                read_manifest(lacking(old("oldest"), place, key), "manifest.json")


@pytest.mark.parametrize("form", ["schema_1", "oldest"])
def test_an_old_manifest_is_written_with_what_it_said_and_every_key(tmp_path, form):
    manifest = read_manifest(old(form), "manifest.json")
    with RunStore(tmp_path) as store:
        store.write_manifest(manifest)
    written = json.loads((tmp_path / "manifest.json").read_text())
    assert written["schema"] == 2
    assert read_manifest(written, "manifest.json") == manifest
    for key, value in old(form).items():
        if key not in ("schema", "models", "fairness", "provenance"):
            assert written[key] == value


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


LATER = "3: a later version of jova-bench wrote it; use that version, or another folder"
NEVER = "which no version of jova-bench writes; put the file back as it was written, or use another folder"


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ({"schema": 3}, LATER),
        ({"suite": "a"}, f"no `schema`, {NEVER}"),
        ({"schema": "2"}, f"'2', {NEVER}"),
        ({"schema": True}, f"True, {NEVER}"),
        ({"schema": 2.0}, f"2.0, {NEVER}"),
        ({"schema": 0}, f"0, {NEVER}"),
        ({"schema": None}, f"None, {NEVER}"),
    ],
)
def test_another_schema_or_none_is_refused(value, got):
    with pytest.raises(BenchError) as refused:
        read_manifest(value, "x")
    assert str(refused.value) == f"x: expected schema 1 or 2, got {got}"


def test_a_manifest_of_schema_2_that_says_1_is_refused(new):
    with pytest.raises(BenchError) as refused:
        read_manifest(new | {"schema": 1}, "x")
    place = "models.tones.plans.p0"
    assert str(refused.value).startswith(
        f"x: {place}.settings: expected no such key in schema 1, got one of schema 2; "
    )
    for prompt_id in new["models"]["tones"]["plans"]:
        new = lacking(new, ("models", "tones", "plans", prompt_id), "settings")
    with pytest.raises(BenchError, match=f"x: {place}.weights: expected no such key"):
        read_manifest(new | {"schema": 1}, "x")


@pytest.mark.parametrize("models", [None, [], {"m": None}, {"m": {"plans": []}}, {"m": {"plans": {"p": "x"}}}])
def test_what_is_no_object_in_an_old_manifest_is_refused_in_one_line(models):
    with pytest.raises(BenchError, match=r"^x: models"):
        read_manifest(old("schema_1") | {"models": models}, "x")


def test_rewording_a_note_refuses_no_folder(tmp_path):
    go(tmp_path, [Tones(note="euler, 25 steps")], [Level()])
    go(tmp_path, [Tones(note="25 steps of Euler's method")], [Level()])
    assert read_run(tmp_path / "run").manifest.models["tones"].plans["p0"].note == "25 steps of Euler's method"
    assert Plan(note="a") == Plan(note="b")
    assert Plan(weights="a") != Plan(weights="b")


JOVA = {"sampler": "euler", "steps": 25, "guidance": 3.0, "guided_until": 0.25, "image": "none"}
"""As `note` has it: euler, 25 steps, guidance 3.0 until t = 0.25, no image, weights 6a35791f6b70."""


@pytest.mark.parametrize(
    ("asked", "note", "settings", "weights"),
    [
        ("jova", "euler, 25 steps, guidance 3.0 until t = 0.25, no image, weights 6a35791f6b70", JOVA, "6a35791f6b70"),
        (
            "jova-bfloat16",
            "heun, 8 steps, guidance 1.5 until t = 1.0, image a, b.png, bfloat16, weights 0123456789ab",
            {"sampler": "heun", "steps": 8, "guidance": 1.5, "guided_until": 1.0, "image": "a, b.png"}
            | {"precision": "bfloat16"},
            "0123456789ab",
        ),
        (
            "cascade",
            "speech: euler, 25 steps, guidance 3.0 until t = 0.25, no image, weights 6a35791f6b70; picture driven by "
            "it: weights 0123456789ab",
            JOVA,
            "6a35791f6b70, then 0123456789ab",
        ),
        ("codec", "real clip, encoded and decoded, weights 9174a52bdda6", {}, "9174a52bdda6"),
        ("clips:a/b", "file x, sha256 y.mp4, sha256 0123456789abcdef", {"file_sha256": "0123456789abcdef"}, None),
        ("real", "the reference file itself", {}, None),
        ("real", "the reference file, cut", None, None),
        ("tones", "euler, 25 steps, guidance 3.0 until t = 0.25, no image, weights 6a35791f6b70", None, None),
    ],
)
def test_words_of_schema_1_become_settings_where_they_are_known(asked, note, settings, weights):
    manifest = old("oldest")
    manifest["models"]["jova"] |= {"asked": asked}
    manifest["models"]["jova"]["plans"]["test-00000"] |= {"note": note}
    plan = read_manifest(manifest, "manifest.json").models["jova"].plans["test-00000"]
    assert (plan.settings, plan.weights, plan.note) == (settings, weights, note)


@pytest.mark.parametrize("name", ["real", "codec", "silence", "still", "shuffled", "shifted", "jova", "jova-bfloat16"])
def test_settings_read_from_the_words_of_a_model_are_those_that_it_says_now(name):
    suite = load_suite("embedded")
    plan = create_model(name, "cpu").plan(suite.prompts[0], suite)
    manifest = old("oldest")
    manifest["models"] = {name: manifest["models"]["jova"] | {"asked": name}}
    written = {key: value for key, value in vars(plan).items() if key not in ("settings", "weights", "audio")}
    manifest["models"][name]["plans"] = {"p": written}
    before = read_manifest(manifest, "manifest.json").models[name].plans["p"]
    assert before.settings is not None
    assert before == record(plan)
    assert before.differences(record(replace(plan, note="in other words"))) is None
    differ = before.differences(record(replace(plan, weights="another")))
    assert differ == f"weights was {plan.weights}, is another"


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
    before = PlanRecord(**vars(PLAN) | {"settings": None, "weights": None})
    assert before.differences(record(replace(PLAN, **changes))) == differ


def test_a_folder_of_schema_1_is_compared_by_fields_once_it_was_resumed(tmp_path):
    go(tmp_path, [Tones(note="v1")], [Level()])
    path = tmp_path / "run" / "manifest.json"
    manifest = json.loads(path.read_text()) | {"schema": 1}
    for plan in manifest["models"]["tones"]["plans"].values():
        del plan["settings"], plan["weights"]
    path.write_text(json.dumps(manifest))
    todo = (
        "if only the wording of the plan changed, repeat the command once with the version of the model that wrote it"
    )
    with pytest.raises(BenchError, match=f"prompt 'p0': note was v1, is v2; {todo}, .*; otherwise give another out=$"):
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
