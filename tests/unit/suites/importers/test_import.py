"""Other benchmarks' prompts become ours whole, or every row that cannot is told with its line."""

import json
import random
import string
from fractions import Fraction

import numpy as np
import pytest

import jova_bench
from jova_bench.errors import BenchError
from jova_bench.ids import safe_id
from jova_bench.media import files as media
from jova_bench.records import check_id
from jova_bench.suites.importers import FORMATS, read_source
from jova_bench.suites.importers.collect import collect, guessed
from jova_bench.suites.importers.reading import Draft, json_rows, table_rows
from jova_bench.suites.loading import load_suite
from support.commands import call
from support.suite_sources import faults, put, verse


def clip(path, frames=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 640 * frames)).astype(np.float32)
    media.write(path, np.full((frames, 16, 16, 3), 90, np.uint8), Fraction(25), audio, 16_000)
    return path


# What is wrong is told, all of it, with its line


def test_every_bad_row_is_told_and_nothing_is_written(capsys, tmp_path):
    source = put(tmp_path / "in/t.csv", "id,video_caption,language\na,v,en\nb,,en\na,w,en\n../c,v,english!\nd,v\n")
    code, out, err = call(capsys, "suites", "import", "csv", source, "--out", tmp_path / "out.jsonl")
    assert (code, out) == (2, "")
    assert [line.removeprefix(f"jova-bench: {source}:") for line in err.splitlines()] == [
        "3: expected a video_caption, an audio_caption or a transcript, got none",
        f"4: id: 'a' is already at {source}:2; rename one",
        "5: language: expected a BCP 47 tag such as en or zh-CN, got 'english!'",
        "6: expected 3 cells, as the first line has, got 2",
        "jova-bench: note: there is no column transcript: nobody speaks in these prompts (1 rows)",
        "jova-bench: 4 rows cannot become a prompt (1 prompts can); correct them or give --skip-invalid",
    ]
    assert not (tmp_path / "out.jsonl").exists()
    code, out, err = call(capsys, "suites", "import", "csv", source, "--out", tmp_path / "out.jsonl", "--skip-invalid")
    assert (code, out) == (0, f"{tmp_path / 'out.jsonl'}\n")
    assert "1 prompts, 4 rows left out as reported above" in err
    assert [prompt.id for prompt in load_suite(tmp_path / "out.jsonl").prompts] == ["a"]


TALK = {"id": "b", "video_caption": "v", "transcript": "Hello. You?",
        "speakers": [{"id": "ann", "text": "Hello."}, {"id": "ben", "text": "You?"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "expected JSON, got Expecting property name"),
        ("[1]", "expected an object, got a list"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 9999, "expected JSON, got a number of thousands of digits"),
        ({"id": "b"}, "expected a video_caption, an audio_caption or a transcript, got none"),
        ({"video_caption": "v"}, "id: expected a text, got no such field"),
        ({"id": 3, "video_caption": "v"}, "id: expected a text, got a number"),
        ({"id": "b", "video_captoin": "v"}, "video_captoin: unknown field; did you mean 'video_caption'?"),
        ({"id": "b", "video_caption": "v", "tags": {"a": 1}}, "tags: expected an object of texts"),
        ({"id": "…", "video_caption": "v", "image": "../x.png"}, "image: expected a path inside"),
        ({"id": "b", "video_caption": "v", "image": "sub/../x.png"}, "image: expected a path inside"),
        ({"id": "b", "video_caption": "v", "audio": "/etc/hostname"}, "audio: expected a path inside"),
        ({"id": "b", "video_caption": "v", "reference": "link.mp4"}, "reference: expected a path inside"),
        ({"id": "b", "video_caption": "v", "reference": "loop"}, "reference: expected a"),  # Python 3.13 resolves loops
        ({"id": "b", "video_caption": "v", "reference": "a\0b"}, "reference: expected a text without zero bytes"),
        ({"id": "b", "video_caption": "v", "image": "none.png"}, "image: expected a file, got 'none.png'"),
        ({"id": "b", "video_caption": "v", "image": "sub"}, "image: expected a file, got 'sub'"),
        (TALK | {"speakers": TALK["speakers"][:1]}, "speakers: expected two or more, got one"),
        (TALK | {"transcript": "Hello."}, "speakers: expected texts that together have the words of the transcript"),
        (
            TALK | {"speakers": [TALK["speakers"][0], TALK["speakers"][1] | {"voice": "no.wav"}]},
            "speakers.1.voice: expected a file, got 'no.wav'",
        ),
        (
            TALK | {"speakers": [TALK["speakers"][0] | {"voice": "../v.wav"}, TALK["speakers"][1]]},
            "speakers.0.voice: expected a path inside",
        ),
        (TALK | {"speakers": ["A"]}, "speakers: expected objects, got a text"),
        ({"id": " ", "video_caption": "v"}, "id: expected a text, got an empty one"),
        ({"id": "b", "video_caption": "\ud800"}, "expected whole characters, got half of a surrogate pair"),
    ],
)
def test_a_bad_line_says_what_was_expected(tmp_path, line, message):
    put(tmp_path / "x.png")
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    put(tmp_path / "outside.mp4")
    (folder / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    (folder / "loop").symlink_to(folder / "loop")
    text = line if isinstance(line, str) else json.dumps(line)
    source = put(folder / "p.jsonl", json.dumps({"id": "a", "video_caption": "v"}) + "\n\n" + text + "\n")
    found = read_source("jsonl", source)
    assert [prompt.id for prompt in found.prompts] == ["a"]
    (fault,) = faults(found)
    assert fault.startswith(f"{source}:3: ")
    assert message in fault


def test_links_out_of_the_source_are_not_followed(tmp_path):
    put(tmp_path / "secret.jpg")
    put(tmp_path / "in/set1/00000001.json", verse())
    (tmp_path / "in/set1/00000001.jpg").symlink_to(tmp_path / "secret.jpg")
    (fault,) = faults(read_source("verse-bench", tmp_path / "in"))
    assert "image: expected a path inside" in fault


def test_json_tells_the_line_of_a_row_and_of_a_break(tmp_path):
    path = put(tmp_path / "a.json", '[\n {"a": 1},\n 3,\n {"a": "]\\n["}\n,\n {"b": {}}]\n')
    rows = list(json_rows(path))
    assert [getattr(row, "fields", None) for row in rows] == [{"a": 1}, None, {"a": "]\n["}, {"b": {}}]
    assert [row.where for row in rows] == [f"{path}:{line}" for line in (2, 3, 4, 6)]
    nested = put(path, '{"x": {"a": {},\n "b": {"c": 1}\n}, "y": [], "z": 3 }')
    assert [(row.where, getattr(row, "key", None)) for row in json_rows(nested, levels=2)] == [
        (f"{path}:1", "x/a"),
        (f"{path}:2", "x/b"),
        (f"{path}:3", None),
    ]
    # One break, and nothing of the file is taken.
    for broken in ("", "7", '{"a": {}', '{"a" {}}', "[{} {}]", '{"a": {},}', "[1e]", "[{}]x", f"[{'9' * 9999}]"):
        assert [type(row).__name__ for row in json_rows(put(path, broken))] == ["Fault"]
    (fault,) = json_rows(put(path, '[{},\n{"b"\n'))
    assert str(fault) == f"{path}:3: expected JSON, got Expecting ':' delimiter at column 1"
    # A name that stands twice is two rows, where a dictionary would have kept one.
    row = json.dumps(verse())
    twice = put(path, f'{{"set1": {{"5": {row}, "05": {row}}}}}')
    (fault,) = faults(read_source("verse-bench-mova", twice))
    assert "id: '00000005' is already at" in fault
    path.write_bytes(b"[\xff]")
    assert "expected a readable UTF-8 file" in str(next(iter(json_rows(path))))


def test_tables_that_are_none(tmp_path):
    for text, message in (
        ("a,a\n1,2\n", ":1: expected columns of different names, got 'a' twice"),
        ('a,b\n1,"x\n', ":2: expected a table, got unexpected end of data; nothing after is read"),
        ('a,b\n1,"x"y\n', ":2: expected a table, got ',' expected after '\"'; nothing after is read"),
    ):
        path = put(tmp_path / "t.csv", text)
        (fault,) = table_rows(path)
        assert str(fault) == f"{path}{message}"
    assert list(table_rows(put(tmp_path / "t.csv", ""))) == []
    with pytest.raises(BenchError, match="without any prompt"):
        read_source("csv", tmp_path / "t.csv")


@pytest.mark.parametrize("form", FORMATS)
def test_a_source_that_is_not_there_or_is_something_else(tmp_path, form):
    with pytest.raises(BenchError, match=r"expected .*, got .*none, which is not there"):
        read_source(form, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    put(tmp_path / "file", "nothing of the kind\n")
    for source in (tmp_path / "empty", tmp_path / "file"):
        try:
            found = read_source(form, source)
        except BenchError:
            continue
        assert found.faults
        assert not found.prompts


def test_a_wrong_format_or_language(capsys, tmp_path):
    with pytest.raises(BenchError, match=r"expected a format, got 'lsr3'; did you mean 'lrs3'\?"):
        read_source("lsr3", tmp_path)
    with pytest.raises(BenchError, match="expected --language with a BCP 47 tag"):
        read_source("lrs3", tmp_path, "klingon!")
    code, _, err = call(capsys, "suites", "import", "nope", tmp_path, "--out", tmp_path / "x")
    assert code == 2
    assert "FORMAT: got 'nope'; known are: verse-bench" in err


# Ids


def test_ids_stay_or_are_those_of_clips_of_the_same_names(tmp_path):
    def found(*ids):
        return collect([Draft(f"f:{i}", one, "v") for i, one in enumerate(ids)], tmp_path)

    # sha256 of "a b" begins with c8687a08, that of "a/b" with c14cddc0, that of "x..y" with c0e705fa.
    some = found("a b", "a/b", "a_b", "a.b", "x..y", "中文")
    assert [p.id for p in some.prompts] == ["a_b-c8687a08", "a_b-c14cddc0", "a_b", "a.b", "x.y-c0e705fa", "中文"]
    assert list(some.notes.values()) == [3]
    assert [p.id for p in some.prompts] == [safe_id(name) for name in ("a b", "a/b", "a_b", "a.b", "x..y", "中文")]
    # The same id twice is a fault, whatever stands beside it, and so is its other Unicode form.
    same = found("a", "b", "a", "\u00e9", "e\u0301")
    assert [p.id for p in same.prompts] == ["a", "b", "\u00e9"]
    assert [fault.what for fault in same.faults] == [
        "id: 'a' is already at f:0; rename one",
        "id: 'e\u0301' is already at f:3; rename one",
    ]
    # Also a name that somebody chose to be the same as what another becomes.
    assert [fault.where for fault in found("a b", "a_b-c8687a08").faults] == ["f:1"]


def test_any_texts_make_ids_that_are_safe_and_unique(tmp_path):
    rng = random.Random(7)
    letters = string.ascii_letters + string.digits + "._- /\\:é中\0\n\"'😀"
    texts = {"".join(rng.choices(letters, k=rng.choice((1, 2, 3, 8, 200)))) for _ in range(3000)}
    found = collect([Draft("f:1", text, "v") for text in sorted(texts)], tmp_path)
    ids = [prompt.id for prompt in found.prompts]
    assert not found.faults
    assert len(set(ids)) == len(ids) == len(texts)
    assert all(check_id(one) == one for one in ids)


def test_any_bytes_are_read_or_told(tmp_path):
    """Cut and mangled sources give faults, never another exception."""
    rng = random.Random(11)
    row = json.dumps({"id": "a", "video_caption": "v", "tags": {"k": "x"}, "speech_prompt": [{"text": "t"}]})
    whole = {
        "csv": "id,video_caption,tag:k\na,\"v, w\",x\nb,v,y\n",
        "jsonl": row + "\n" + row.replace('"a"', '"b"') + "\n",
        "avgen-bench": '[{"content": "a", "prompt": "p"}, {"content": "b", "prompt": "q"}]',
        "t2av-compass": '[{"index": 1, "video_prompt": "v", "speech_prompt": [{"text": "t"}], "sound_type": ["a"]}]',
        "verse-bench-mova": json.dumps({"set1": {"1": verse()}}),
        "javisbench": "text,cat0_ind\na,1\n",
        "avbench": '[{"id": "a", "prompt_vision": "v", "utterance": "t"}]',
        "phyavbench": '{"id": "m01_g001", "prompt_a": "v", "prompt_b": "w"}\n',
    }  # fmt: skip
    for form, text in whole.items():
        for _ in range(60):
            mangled = bytearray(text.encode())
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(len(mangled))
                mangled[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
            path = tmp_path / "fuzz.json"
            path.write_bytes(bytes(mangled))
            try:
                found = read_source(form, path)
            except BenchError:
                continue
            assert found.prompts or found.faults


def test_a_language_is_never_claimed_against_the_letters():
    assert [guessed(text) for text in ("Hello, naïve!", "", "12 - 3", "你好", "Привет", "a é")] == [
        "en", "en", "en", "und", "und", "en"
    ]  # fmt: skip


# Round trips


def test_import_validate_run(capsys, tmp_path):
    for speaker in ("aaa", "bbb"):
        for number in (1, 2):
            clip(tmp_path / f"lrs3/test/{speaker}/0000{number}.mp4")
            put(tmp_path / f"lrs3/test/{speaker}/0000{number}.txt", f"Text:  WORD {number}\n")
    code, out, err = call(capsys, "suites", "import", "lrs3", tmp_path / "lrs3", "--out", tmp_path / "suite")
    assert (code, out) == (0, f"{tmp_path / 'suite/prompts.jsonl'}\n")
    assert "4 prompts; licence of the prompts: LicenseRef-yours" in err
    assert (tmp_path / "suite/media/test/aaa/00001.mp4").is_file()
    code, out, _ = call(capsys, "suites", "validate", tmp_path / "suite")
    assert code == 0
    assert out.startswith("suite: 4 prompts, 4 with transcript, 4 with audio, 4 with reference; digest ")
    (tmp_path / "lrs3").rename(tmp_path / "gone")  # The folder stands on its own.
    toml = tmp_path / "suite/suite.toml"
    toml.write_text(toml.read_text().replace("slices = []", 'slices = ["speaker"]'))
    jova_bench.run(
        ["real", "silence"], tmp_path / "suite/prompts.jsonl", profile="standard", metrics=["loudness"], device="cpu",
        out=tmp_path / "run", workers=0,
    )  # fmt: skip
    code, out, _ = call(capsys, "report", tmp_path / "run")
    assert code == 0
    assert "## By speaker" in out
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert {(e["model"], e["slice"]): e["n_ok"] for e in summary["estimates"]} == {
        ("real", None): 4, ("real", "speaker=aaa"): 2, ("real", "speaker=bbb"): 2,
        ("silence", None): 0, ("silence", "speaker=aaa"): 0, ("silence", "speaker=bbb"): 0,
    }  # fmt: skip


def test_a_file_names_media_where_they_are(capsys, tmp_path):
    put(tmp_path / "data/pictures/a.png")
    source = put(tmp_path / "data/t.csv", "id,video_caption,image\na,v,pictures/a.png\n")
    for out, image in (("data/p.jsonl", "pictures/a.png"), ("p.jsonl", "data/pictures/a.png")):
        assert call(capsys, "suites", "import", "csv", source, "--out", tmp_path / out)[0] == 0
        assert load_suite(tmp_path / out).prompts[0].image == image
        assert call(capsys, "suites", "validate", tmp_path / out)[0] == 0
    code, _, err = call(capsys, "suites", "import", "csv", source, "--out", tmp_path / "elsewhere/p.jsonl")
    assert code == 2
    assert "give --out DIR, which copies them" in err
    assert not (tmp_path / "elsewhere").exists()
    code, _, err = call(capsys, "suites", "import", "csv", source, "--out", tmp_path / "p.jsonl")
    assert code == 2
    assert "p.jsonl, which exists; remove it or give another" in err


def test_a_source_with_a_tag_that_no_slice_can_be_called_by_is_refused(capsys, tmp_path):
    source = put(tmp_path / "t.csv", "id,video_caption,tag:a=b\na,v,x\n")
    code, _, err = call(capsys, "suites", "import", "csv", source, "--out", tmp_path / "p.jsonl")
    assert code == 2
    assert "t.csv:2: tags: expected a name without '=', got 'a=b'; rename it" in err


def test_a_folder_gets_categories_as_slices(capsys, tmp_path):
    rows = [{"content": f"c{i}", "prompt": "p"} for i in range(2)]
    for category in ("ads", "news"):
        put(tmp_path / f"prompts/{category}.json", rows)
    assert call(capsys, "suites", "import", "avgen-bench", tmp_path, "--out", tmp_path / "my suite")[0] == 0
    suite = load_suite(tmp_path / "my suite/prompts.jsonl")
    assert (suite.name, suite.slices, suite.licence, suite.profile) == (
        safe_id("my suite"), ("category",), "MIT", "standard",
    )  # fmt: skip
    (tmp_path / "prompts/news.json").unlink()
    assert call(capsys, "suites", "import", "avgen-bench", tmp_path, "--out", tmp_path / "one")[0] == 0
    assert load_suite(tmp_path / "one/prompts.jsonl").slices == ()  # One value parts nothing.


def test_validate_tells_every_fault(capsys, tmp_path):
    good = {"id": "a", "video_caption": "", "audio_caption": "", "transcript": "x", "tags": {"k": "x | y"}}
    lines = [good, "{", good | {"id": "a"}, {"id": "../b", "transcript": 3}, good | {"id": "c", "image": "no.png"}]
    path = put(tmp_path / "p.jsonl", "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    code, out, err = call(capsys, "suites", "validate", path)
    assert (code, out) == (2, "")
    told = [line.removeprefix(f"jova-bench: {path}:") for line in err.splitlines()]
    assert [line.split(":")[0] for line in told[:-1]] == ["2", "3", "4", "4", "4", "4", "5"]
    assert told[-1] == "jova-bench: 7 faults, 1 good prompts"
    with pytest.raises(BenchError, match=r"p\.jsonl:2: .* \(and 6 more: `suites validate` lists them\)"):
        load_suite(path)
    code, out, _ = call(capsys, "suites", "validate", put(tmp_path / "q.jsonl", json.dumps(good)))
    assert code == 0
    assert "tag k: 2 values" in out
