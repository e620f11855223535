"""A suite says exactly what is asked, and a broken one says exactly what is broken."""

import json
import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from jova_bench import registry
from jova_bench.cli import main
from jova_bench.errors import BenchError
from jova_bench.suites import loading as suites
from jova_bench.suites.loading import load_suite, shipped_suites
from jova_bench.tools import inventory as catalogue

LINE = {"id": "a", "video_caption": "red hair", "audio_caption": "low voice", "transcript": "place blue at four"}
INFO = """
name = "tiny"
description = "Two prompts"
domain = "embedded"
profile = "embedded"
reference_set = "faces@1"
licence = "CC0-1.0"
"""


def write(path, *lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(suites, "SHIPPED", tmp_path)
    folder = tmp_path / "tiny"
    (folder / "clips").mkdir(parents=True)
    (folder / "suite.toml").write_text(INFO)
    (folder / "clips" / "a.mp4").write_bytes(b"clip a")
    write(folder / "prompts.jsonl", LINE | {"reference": "clips/a.mp4"}, LINE | {"id": "b", "tags": {"hair": "red"}})
    return folder


def test_a_prompt_file_loads_in_order(tmp_path):
    # A blank line, a byte order mark and a line separator inside a string are no line breaks.
    text = "\ufeff" + json.dumps(LINE | {"id": "b", "transcript": "one\u2028two"}, ensure_ascii=False)
    (tmp_path / "mine.jsonl").write_text(text + "\n\n" + json.dumps(LINE), encoding="utf-8")
    suite = load_suite(tmp_path / "mine.jsonl")
    assert [prompt.id for prompt in suite.prompts] == ["b", "a"]
    assert suite.prompts[0].transcript == "one\u2028two"
    assert (suite.name, suite.root, suite.domain, suite.reference_set) == ("mine", tmp_path, None, None)


def test_a_shipped_suite_loads_by_name(shipped):
    assert shipped_suites() == ("tiny",)
    suite = load_suite("tiny")
    assert (suite.name, suite.domain, suite.reference_set) == ("tiny", "embedded", "faces@1")
    assert (suite.profile, suite.licence, suite.description) == ("embedded", "CC0-1.0", "Two prompts")
    assert suite.path("clips/a.mp4").read_bytes() == b"clip a"
    with pytest.raises(BenchError, match=r"got 'tinny'; did you mean 'tiny'\?"):
        load_suite("tinny")


def test_a_package_names_suites_by_entry_point(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    write(folder / "prompts.jsonl", LINE)
    (folder / "suite.toml").write_text(INFO.replace("tiny", "mine"))
    package = ModuleType("someones")
    package.MINE, package.FILE, package.NONE = folder, str(folder / "suite.toml"), 7
    monkeypatch.setitem(sys.modules, "someones", package)
    names = {"mine": "MINE", "other": "MINE", "file": "FILE", "none": "NONE", "gone": "GONE"}
    points = [EntryPoint(name, f"someones:{attribute}", suites.ENTRY_POINTS) for name, attribute in names.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == suites.ENTRY_POINTS else [])
    assert load_suite("mine").path("prompts.jsonl") == folder / "prompts.jsonl"
    for name, message in (
        ("other", r"suite\.toml: name: expected 'other', as it is called, got 'mine'"),
        ("file", r"expected the suite 'file' \(someones:FILE\) to be the path of a folder, got '.*suite\.toml'$"),
        ("none", "to be the path of a folder, got 7"),
        ("gone", "the suite 'gone' cannot be loaded from someones:GONE"),
        ("mein", r"a \.jsonl file of prompts or a folder with prompts\.jsonl, got 'mein'; did you mean 'mine'"),
    ):
        with pytest.raises(BenchError, match=message):
            load_suite(name)
    listed = {item["name"]: item["why_not"] for item in catalogue.suites()}
    assert [name for name, why in listed.items() if why is None] == ["embedded", "embedded-edits", "mine"]
    assert "someones:GONE" in listed["gone"]


def test_digest_changes_with_everything_that_is_asked_and_nothing_else(shipped):
    first = load_suite("tiny").digest
    lines = (shipped / "prompts.jsonl").read_text()
    # Formatting and field order say nothing new.
    reordered = [dict(reversed(json.loads(line).items())) for line in lines.splitlines()]
    write(shipped / "prompts.jsonl", *(json.dumps(line, separators=(",", ":")) for line in reordered))
    assert load_suite("tiny").digest == first
    seen = {first}
    (shipped / "clips" / "a.mp4").write_bytes(b"clip A")
    seen.add(load_suite("tiny").digest)
    write(shipped / "prompts.jsonl", *reversed(lines.splitlines()))
    seen.add(load_suite("tiny").digest)
    (shipped / "suite.toml").write_text(INFO.replace("faces@1", "faces@2"))
    seen.add(load_suite("tiny").digest)
    assert load_suite(shipped / "prompts.jsonl") == load_suite("tiny")  # The same files, however they are named.
    (shipped / "suite.toml").rename(shipped / "no.toml")
    seen.add(load_suite(shipped / "prompts.jsonl").digest)
    assert len(seen) == 5


def test_a_suite_names_a_folder_of_real_clips(tmp_path):
    write(tmp_path / "mine.jsonl", LINE)
    assert load_suite(tmp_path / "mine.jsonl").reference_folder() is None
    (tmp_path / "suite.toml").write_text(INFO.replace('"faces@1"', '"real"').replace("tiny", "mine"))
    suite = load_suite(tmp_path / "mine.jsonl")
    assert (suite.name, suite.reference_set) == ("mine", "real")
    with pytest.raises(BenchError, match=r"suite\.toml: reference_set: expected a folder of real clips, got .*real"):
        suite.reference_folder()
    (tmp_path / "real").mkdir()
    assert suite.reference_folder() == tmp_path / "real"
    (tmp_path / "suite.toml").write_text(INFO.replace("faces@1", "../elsewhere"))
    with pytest.raises(BenchError, match="expected a path inside"):
        load_suite(tmp_path / "mine.jsonl").reference_folder()


def test_shipped_features_are_no_folder_of_clips():
    assert load_suite("embedded").reference_set == "embedded-reference"
    assert load_suite("embedded").reference_folder() is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "b",', r"p\.jsonl:2: expected JSON, got .* at column"),
        ("[1]", r"p\.jsonl:2: expected an object, got \[1\]"),
        ("[" * 100_000, r"p\.jsonl:2: expected JSON, got one nested too deeply"),
        ("9" * 9999, r"p\.jsonl:2: expected JSON, got a number of thousands of digits"),
        ({"id": "b", "video_caption": "", "audio_caption": ""}, r"p\.jsonl:2: transcript: expected a value, got none"),
        (LINE | {"id": "b", "transcipt": ""}, r"p\.jsonl:2: transcipt: unknown field; did you mean 'transcript'\?"),
        (
            LINE | {"id": "b", "tags": {"a=b": "c"}},
            r"p\.jsonl:2: tags: expected a name without '=', got 'a=b'",
        ),
        (LINE | {"id": "b", "transcript": 3}, r"p\.jsonl:2: transcript: expected a text, got 3"),
        (LINE, r"p\.jsonl:2: id: 'a' is already on line 1"),
        (LINE | {"id": "../b"}, r"p\.jsonl:2: id: .*without '\.\.', got '\.\./b'"),
        (LINE | {"id": "b", "image": "none.png"}, r"p\.jsonl:2: image: expected a file, got 'none\.png'"),
        (LINE | {"id": "b", "audio": "../p.jsonl"}, r"p\.jsonl:2: audio: expected a path inside"),
        (LINE | {"id": "b", "reference": "/etc/hostname"}, r"p\.jsonl:2: reference: expected a path inside"),
        (LINE | {"id": "b", "transcript": "\ud83d"}, r"p\.jsonl:2: transcript: expected whole characters, got half"),
        (LINE | {"id": "b", "reference": "link"}, r"p\.jsonl:2: reference: expected a path inside"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, message):
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "outside").write_text("x")
    (folder / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(BenchError, match=message):
        load_suite(write(folder / "p.jsonl", LINE, line))


def test_files_that_are_no_prompt_files(tmp_path):
    with pytest.raises(BenchError, match=r"none\.jsonl: expected a readable .*No such file"):
        load_suite(tmp_path / "none.jsonl")
    with pytest.raises(BenchError, match="at least one prompt, got an empty file"):
        load_suite(write(tmp_path / "empty.jsonl", "", "  "))
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}')
    with pytest.raises(BenchError, match="expected a readable UTF-8 file"):
        load_suite(tmp_path / "latin.jsonl")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"tiny"', '"other"', r"suite\.toml: name: expected 'tiny', as it is called, got 'other'"),
        ("licence", "license", r"suite\.toml: (licence: expected a value, got none|license: unknown field)"),
        ('"embedded"\nprofile', '"faces"\nprofile', r"suite\.toml: domain: expected 'embedded', got 'faces'"),
        ("name =", "name", r"suite\.toml: expected TOML"),
    ],
)
def test_a_broken_description_is_named(shipped, old, new, message):
    (shipped / "suite.toml").write_text(INFO.replace(old, new, 1))
    with pytest.raises(BenchError, match=message):
        load_suite("tiny")


def test_a_folder_is_its_prompts_file(tmp_path, monkeypatch, capsys):
    """What `suites import --out FOLDER` writes and `suites validate` takes, with and without a slash or a dot."""
    folder = tmp_path / "suites" / "mine.1"
    folder.mkdir(parents=True)
    write(folder / "prompts.jsonl", LINE)
    plain = load_suite(folder / "prompts.jsonl")
    monkeypatch.chdir(tmp_path)
    for given in (folder, "suites/mine.1", "./suites/mine.1/", "suites/../suites/mine.1"):
        assert load_suite(given).digest == plain.digest
        assert (load_suite(given).name, load_suite(given).prompts) == (plain.name, plain.prompts)
    (folder / "suite.toml").write_text(INFO)
    assert load_suite("suites/mine.1").name == load_suite(folder / "prompts.jsonl").name == "tiny"
    (folder / "faces@1").mkdir()
    assert main(["suites", "validate", "suites/mine.1"]) == 0
    capsys.readouterr()


def test_a_folder_without_prompts_says_what_was_looked_for(tmp_path, capsys):
    wanted = f"expected prompts.jsonl, and suite.toml where there is one, in the folder '{tmp_path}'; "
    for words in (("run", "--model", "real", "--suite"), ("score", str(tmp_path), "--suite"), ("suites", "validate")):
        assert main([*words, str(tmp_path)]) == 2
        assert capsys.readouterr().err == f"jova-bench: {wanted}it has no .jsonl\n"
    write(tmp_path / "other.jsonl", LINE)
    with pytest.raises(BenchError, match=r"name one of its own: .*other\.jsonl"):
        load_suite(tmp_path)
    with pytest.raises(BenchError, match=r"got the table 'mine\.csv'; `jova-bench suites import csv mine\.csv --out"):
        load_suite("mine.csv")
