"""Tables whose columns have other names: which is what is said once, and a fault of all rows is one line."""

import json

import pytest

from jova_bench.errors import BenchError
from jova_bench.suites.importers import read_source
from jova_bench.suites.importers.plain import column_map
from support.commands import call
from support.suite_sources import put

SHEET = "file,prompt,say,notes\na.mp4,v,hello,x\nb.MP4,w,there,y\n"
MAP = ("--map", "file=id", "--map", "prompt=video_caption", "--map", "say=transcript")


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_map_makes_any_table_prompts(capsys, tmp_path):
    source, out = put(tmp_path / "t.csv", SHEET), tmp_path / "p.jsonl"
    code, _, err = call(capsys, "suites", "import", "csv", source, *MAP, "--map", "notes=tag:note", "--out", out)
    assert code == 0
    assert "note: the id was the name of a file, and its suffix was left out (2 rows)" in err
    first, second = read(out)
    assert (first["id"], first["video_caption"], first["transcript"]) == ("a", "v", "hello")
    assert (second["id"], second["tags"]) == ("b", {"note": "y"})


def test_a_column_is_left_out_and_json_lines_take_a_map_too(tmp_path):
    found = read_source("csv", put(tmp_path / "t.csv", SHEET), None, column_map([*MAP[1::2], "notes="]))
    assert [prompt.tags for prompt in found.prompts] == [{}, {}]
    line = json.dumps({"name": "a", "video_caption": "v"})
    assert read_source("jsonl", put(tmp_path / "p.jsonl", line), None, {"name": "id"}).prompts[0].id == "a"


def test_of_faults_that_differ_in_a_value_a_few_are_told(capsys, tmp_path):
    rows = "".join(f"r{k},v,{k}.png\n" for k in range(300))
    source = put(tmp_path / "t.csv", f"id,video_caption,image\n{rows}x,,\n")
    code, _, err = call(capsys, "suites", "import", "csv", source, "--out", tmp_path / "p.jsonl")
    told = err.splitlines()
    assert (code, len(told)) == (2, 7)
    assert [f":{line}: image: expected a file" in one for line, one in enumerate(told[:5], start=2)] == [True] * 5
    assert [one.endswith(" (and 295 more like it)") for one in told[:6]] == [False] * 4 + [True, False]
    assert ":302: expected a video_caption" in told[5]
    assert "301 rows cannot become a prompt" in told[-1]


def test_the_rest_of_a_table_is_no_row_to_leave_out(capsys, tmp_path):
    for cell in ('"v', "v" * 131_073):  # A quote that is not closed; a cell that is too long.
        source, out = put(tmp_path / "t.csv", f"id,video_caption\na,v\nb,{cell}\nc,v\n"), tmp_path / "p.jsonl"
        code, _, err = call(capsys, "suites", "import", "csv", source, "--skip-invalid", "--out", out)
        assert (code, out.exists()) == (2, False)
        assert f"{source}:3: nothing after is read; correct that" in err.splitlines()[-1]


def test_a_fault_of_every_row_is_one_line(capsys, tmp_path):
    rows = "".join(f"{k},v,hello,x\n" for k in range(20))
    source = put(tmp_path / "t.csv", SHEET.splitlines()[0] + "\n" + rows)
    code, _, err = call(capsys, "suites", "import", "csv", source, "--out", tmp_path / "p.jsonl")
    first, last = err.splitlines()
    assert code == 2
    assert first.startswith(f"jova-bench: {source}:2: file, prompt, say, notes: unknown columns; --map file=FIELD")
    assert first.endswith(" (and 19 more rows: 3, 4, 5, 6, 7, ...)")
    assert last == "jova-bench: 20 rows cannot become a prompt (0 prompts can); none is left"
    lines = put(tmp_path / "p.jsonl", '{"id": "a"}\n' * 2)
    told = call(capsys, "suites", "validate", lines)[2].splitlines()
    assert told[0] == f"jova-bench: {lines}:1: video_caption: expected a value, got none (and 1 more row: 2)"
    assert (len(told), told[-1]) == (4, "jova-bench: 6 faults, 0 good prompts")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["file"], "expected --map COLUMN=FIELD, got 'file'"),
        (["file=idd"], "expected --map file=FIELD, got 'idd'; did you mean 'id'"),
        (["file=tag:"], "expected the name of a tag after tag:"),
        (["file=id", "name=id"], "expected each column and field once in --map, got 'id' twice"),
        (["file=id", "file=image"], "got 'file' twice"),
    ],
)
def test_a_map_that_is_none_is_refused(words, fault):
    with pytest.raises(BenchError) as told:
        column_map(words)
    assert fault in str(told.value)


def test_a_map_of_no_column_or_of_a_field_that_is_there_is_a_fault(tmp_path):
    source = put(tmp_path / "t.csv", "file,id,video_caption\na,b,v\n")
    (fault,) = read_source("csv", source, None, {"flie": "id"}).faults
    assert "--map flie: no such column; did you mean 'file'?" in fault.what
    (fault,) = read_source("csv", source, None, {"file": "id"}).faults
    assert fault.what == "id: --map gives it to another column; leave this one out by --map id="
    assert read_source("csv", source, None, {"file": "id", "id": ""}).prompts[0].id == "a"
    with pytest.raises(BenchError, match="got the format 'hdtf'"):
        read_source("hdtf", tmp_path, None, {"file": "id"})


def test_a_table_without_transcripts_says_that_nobody_speaks(tmp_path):
    found = read_source("csv", put(tmp_path / "t.csv", "id,video_caption\na,v\n"))
    assert dict(found.notes) == {"there is no column transcript: nobody speaks in these prompts": 1}


def test_a_table_as_a_suite_says_how_to_import_it(capsys, tmp_path):
    source = put(tmp_path / "t.CSV", SHEET)
    for verb in (["suites", "validate"], ["run", "--model", "real", "--suite"]):
        code, _, err = call(capsys, *verb, source)
        assert (code, err.count("\n")) == (2, 1)
        assert f"`jova-bench suites import csv {source} --out {tmp_path}/t.jsonl` makes one of it" in err
