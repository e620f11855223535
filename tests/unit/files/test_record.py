"""What a record takes for a number: neither a truth value nor a text, wherever in it the number stands."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from jova_bench import cli
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import fault
from jova_bench.runs.manifest import PlanRecord
from jova_bench.runs.store import read_run
from support.tiny_runs import Level, Spread, Tones, go

PLAN = dict.fromkeys(PlanRecord.model_fields) | {"note": "", "settings": {}}


def numbers(value, at=()):
    """Yields the place of every number of a parsed file."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(one, (*at, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield at


def put(value, at, new):
    for key in at[:-1]:
        value = value[key]
    value[at[-1]] = new


@pytest.mark.parametrize("name", ["manifest.json", "summary.json", "samples.jsonl", "scores.jsonl"])
def test_no_number_of_a_run_may_be_true_or_a_text(tmp_path, name):
    go(tmp_path, [Tones()], [Level(), Spread()])
    path = tmp_path / "run" / name
    whole = path.read_text()
    lines = name.endswith("l")
    text = whole.splitlines()[0] if lines else whole
    places = [at for at in numbers(json.loads(text)) if "settings" not in at]  # A model's own, of any type.
    assert places
    for at in places:
        for wrong in (True, "1"):
            value = json.loads(text)
            put(value, at, wrong)
            path.write_text(f"{json.dumps(value)}\n")
            with pytest.raises(BenchError, match=rf"{name}.*expected .*, got (True|'1'|no `schema`)"):
                read_run(path.parent)
    path.write_text(whole)
    assert read_run(path.parent).summary is not None


def test_whole_numbers_are_numbers_and_keep_their_type():
    plan = PlanRecord.model_validate({**PLAN, "fps": 25, "seconds": 2.0, "frames": np.int64(50), "height": 64.0})
    assert [(value, type(value)) for value in (plan.fps, plan.seconds, plan.frames, plan.height)] == [
        (25, int), (2.0, float), (50, int), (64, int),
    ]  # fmt: skip
    plan = PlanRecord.model_validate({**PLAN, "settings": {"a": True, "b": 1, "c": 1.5, "d": "1"}})
    assert [type(value) for value in plan.settings.values()] == [bool, int, float, str]


@pytest.mark.parametrize(("field", "words"), [("frames", "a whole number"), ("fps", "a number")])
@pytest.mark.parametrize(("value", "shown"), [(True, "True"), ("25", "'25'")])
def test_a_fault_says_which_number_was_expected(field, words, value, shown):
    with pytest.raises(ValidationError) as found:
        PlanRecord.model_validate({**PLAN, field: value})
    assert fault(found.value) == f"{field}: expected {words}, got {shown}"


def test_a_prompt_and_a_suite_are_records_too(tmp_path, capsys):
    prompt = {"id": "a", "video_caption": "v", "audio_caption": "a", "transcript": "t", "tags": {"k": True}}
    (tmp_path / "p.jsonl").write_text(json.dumps(prompt))
    assert cli.main(["suites", "validate", str(tmp_path / "p.jsonl")]) == 2
    assert "tags.k" in capsys.readouterr().err
