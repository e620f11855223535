"""The schemas in `docs/` are those of the records, and every file that was ever written fits them."""

import json
import tomllib

import pytest
from jsonschema import Draft202012Validator

import jova_bench
from jova_bench.comparison.results import freeze, read_results
from jova_bench.tools.schemas import FORMATS, file_name, schema_text, write_schemas
from support.shown import ROOT

FOLDER = ROOT / "docs" / "schemas"
OLD = ROOT / "tests" / "integration" / "old_runs"
RUN_FILES = {
    "manifest-2": "manifest.json", "sample": "samples.jsonl", "score": "scores.jsonl", "summary-1": "summary.json",
}  # fmt: skip


def faults(name, value):
    validator = Draft202012Validator(json.loads((FOLDER / file_name(name)).read_text(encoding="utf-8")))
    return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(value)]


def values(path):
    """The values of a file: one, or one for each line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return [tomllib.loads(text)]
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run of one clip metric and one set metric."""
    out = tmp_path_factory.mktemp("runs") / "new"
    done = jova_bench.run("real", "embedded", metrics=["loudness", "fad"], limit=2, device="cpu", workers=0, out=out)
    assert done.exit_code == 0
    return out


def test_the_committed_schemas_are_those_of_the_records(tmp_path):
    write_schemas(tmp_path)
    again = "python -m jova_bench.tools.schemas docs/schemas"
    assert {one.name: one.read_text() for one in FOLDER.iterdir()} == {
        one.name: one.read_text() for one in tmp_path.iterdir()
    }, again


@pytest.mark.parametrize("name", FORMATS)
def test_each_is_a_valid_schema_and_linked_from_the_page(name):
    schema = json.loads(schema_text(name))
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == file_name(name)
    assert f"](schemas/{file_name(name)})" in (ROOT / "docs" / "file-formats.md").read_text(encoding="utf-8")
    version = schema["properties"].get("schema")
    assert name.partition("-")[2] == (str(version["const"]) if version else "")


@pytest.mark.parametrize("name", FORMATS)
def test_every_field_is_described(name):
    schema = json.loads(schema_text(name))
    for record in (schema, *schema.get("$defs", {}).values()):
        bare = [field for field, about in record.get("properties", {}).items() if not about.get("description")]
        assert bare == [], record["title"]


@pytest.mark.parametrize("path", sorted(OLD.glob("*/*.json*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_files_of_old_runs_fit(path):
    (name,) = [name for name, file in RUN_FILES.items() if file == path.name] or [None]
    if name in (None, "manifest-2"):
        assert path.name in ("leaderboard.json", "manifest.json")  # A report, and what has a reader of its own.
        return
    found = values(path)
    assert found
    assert [fault for value in found for fault in faults(name, value)] == []


@pytest.mark.parametrize("name", RUN_FILES)
def test_files_of_a_new_run_fit(name, run_folder):
    found = values(run_folder / RUN_FILES[name])
    assert found
    assert [fault for value in found for fault in faults(name, value)] == []


def test_a_frozen_run_fits(run_folder):
    assert faults("frozen-2", json.loads(freeze(read_results(run_folder)))) == []
    assert faults("frozen-2", *values(ROOT / "results" / "ci-reference.json")) == []


@pytest.mark.parametrize("folder", sorted((ROOT / "jova_bench" / "suites" / "data").glob("*/")), ids=lambda p: p.name)
def test_shipped_suites_fit(folder):
    assert faults("suite", *values(folder / "suite.toml")) == []
    assert [fault for value in values(folder / "prompts.jsonl") for fault in faults("prompt", value)] == []


def test_what_a_record_refuses_does_not_fit(run_folder):
    score = values(run_folder / "scores.jsonl")[0]
    assert faults("score", score | {"colour": "red"}) == [
        "$: Additional properties are not allowed ('colour' was unexpected)"
    ]
    assert faults("score", score | {"seed": -1}) == ["$.seed: -1 is less than the minimum of 0"]
    manifest = values(run_folder / "manifest.json")[0]
    assert faults("manifest-2", manifest | {"schema": 3}) == ["$.schema: 2 was expected"]
    assert faults("manifest-2", manifest | {"question": 1}) != []
    manifest["models"]["real"]["plans"][manifest["prompts"][0]["id"]]["colour"] = "red"
    (fault,) = faults("manifest-2", manifest)
    assert fault.startswith("$.models.real.plans[")
