"""Other benchmarks' prompts become ours whole, or every row that cannot is told with its line."""

import json
import random
import string
from fractions import Fraction

import numpy as np
import pytest

import jova_bench
from jova_bench import cli, media
from jova_bench.importers import FORMATS, read_source
from jova_bench.importers.collect import clean, collect, guessed
from jova_bench.importers.reading import Draft, json_rows, table_rows
from jova_bench.suites import load_suite
from jova_bench.types import BenchError, check_id


def put(path, content="x"):
    """Writes text, or an object as JSON, and returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def clip(path, frames=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 640 * frames)).astype(np.float32)
    media.write(path, np.full((frames, 16, 16, 3), 90, np.uint8), Fraction(25), audio, 16_000)
    return path


def call(capsys, *argv):
    try:
        code = cli.main([str(word) for word in argv])
    except SystemExit as leaving:
        code = leaving.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def verse(text="Hello there.", **changes):
    return {"video_prompt": "a room", "audio_prompt": ["a bell", "rain"],
            "speech_prompt": {"speaker": "the host", "text": text}} | changes  # fmt: skip


def by_id(found):
    return {prompt.id: prompt for prompt in found.prompts}


def faults(found):
    return [str(fault) for fault in found.faults]


# One test per layout


def test_verse_bench_folders(tmp_path):
    for name in ("set1/23", "set3/00001000"):
        put(tmp_path / f"{name}.jpg")
    put(tmp_path / "set1/23.json", verse())
    put(tmp_path / "set3/00001000.json", verse("你好", audio_prompt=[]))
    put(tmp_path / "set3/00001000.wav")
    found = read_source("verse-bench", tmp_path)
    assert not found.faults
    first, second = by_id(found)["00000023"], by_id(found)["00001000"]
    assert (first.video_caption, first.audio_caption, first.transcript) == ("a room", "a bell rain", "Hello there.")
    assert (first.image, first.audio, first.reference, first.language) == ("set1/23.jpg", None, None, "en")
    assert first.tags == {"set": "set1", "speech": "with", "speaker": "the host"}
    assert (second.audio, second.reference) == ("set3/00001000.wav",) * 2
    assert second.language == "und"  # The source names no language, and these letters are not Latin.
    assert by_id(read_source("verse-bench", tmp_path, "zh"))["00001000"].language == "zh"


def test_verse_bench_as_mova_has_it(tmp_path):
    row = verse("", prompt="all in one", videos=[], first_frame_path="")
    text = json.dumps({"set1": {"00000000": row, "00000001": row}, "set2": {"clip_a": row}}, indent=1)
    found = read_source("verse-bench-mova", put(tmp_path / "v.json", text))
    assert [(p.id, p.tags["set"], p.tags["speech"]) for p in found.prompts] == [
        ("00000000", "set1", "without"), ("00000001", "set1", "without"), ("clip_a", "set2", "without")
    ]  # fmt: skip
    assert found.notes == {"not taken: prompt": 3}


def test_avgen_bench(tmp_path):
    put(tmp_path / "prompts/news.json", [{"content": "A: b/c", "prompt": "one"}, {"content": "d", "prompt": "two"}])
    put(tmp_path / "prompts/trailer.json", [{"content": "d", "prompt": "three", "style": "Noir"}])
    found = read_source("avgen-bench", tmp_path)
    assert [(p.id, p.video_caption, p.audio_caption, dict(p.tags)) for p in found.prompts] == [
        ("news.A_b_c", "one", "", {"category": "news"}),
        ("news.d", "two", "", {"category": "news"}),
        ("trailer.d", "three", "", {"category": "trailer", "style": "Noir"}),
    ]


def test_javis_bench(tmp_path):
    put(tmp_path / "clips/b.mp4")
    table = 'text,path,audio_text,cat0_ind,cat2_ind\n"a, b",/far/a.mp4,,4,"0,4"\nc,clips/b.mp4,splash,1.0,\n'
    found = read_source("javisbench", put(tmp_path / "j.csv", table))
    one, two = found.prompts
    assert (one.id, one.video_caption, one.audio_caption, one.reference) == ("sample_0000", "a, b", "a, b", None)
    assert dict(one.tags) == {"event_scenario": "virtual", "sound_type": "ambient | speech"}
    assert (two.id, two.audio_caption, two.reference) == ("sample_0001", "splash", "clips/b.mp4")
    assert found.notes == {"the real clip is not here, so there is no reference": 1}
    wrong = put(tmp_path / "w.csv", "text,cat0_ind\na,5\nb,x\nc,1\n,1\n")
    assert faults(read_source("javisbench", wrong)) == [
        f"{wrong}:2: cat0_ind: expected numbers from 0 to 4 with commas between them, got '5'",
        f"{wrong}:3: cat0_ind: expected numbers from 0 to 4 with commas between them, got 'x'",
        f"{wrong}:5: text: expected a text, got an empty one",
    ]


def test_t2av_compass(tmp_path):
    speech = [{"speaker": "A", "description": "calm", "text": "One."}, {"speaker": "B", "text": "Two."}]
    row = {"index": 7, "prompt": "all", "video_prompt": "v", "audio_prompt": "a", "speech_prompt": speech,
           "source": "S", "sound_type": ["Speech", "Music"], "video": "", "checklist_info": {"x": 1}}  # fmt: skip
    rows = [row, row | {"index": 8, "speech_prompt": [], "video": "x/y.mp4"}, row | {"index": "9"}, row | {"index": 7}]
    path = put(tmp_path / "prompts.json", json.dumps(rows))
    found = read_source("t2av-compass", path)
    one, two = found.prompts
    assert (one.id, one.transcript, one.reference) == ("sample_0007", "One. Two.", None)
    assert dict(one.tags) == {
        "source": "S", "sound_type": "Speech | Music", "speech": "with", "voices": "A: calm; B"
    }  # fmt: skip
    assert (two.tags["speech"], two.transcript) == ("without", "")
    assert faults(found) == [
        f"{path}:1: index: expected a number from 0, got '9'",
        f"{path}:1: id: 'sample_0007' is already at {path}:1; rename one",
    ]


def vabench(root):
    row = {"prompt_en": 'He says: "Go"', "prompt_vision": "v", "prompt_audio": "a", "dimension": ["d"]}
    put(root / "json_files/json_text/easy_human_language.json", [row, row | {"prompt_en": "unnamed"}])
    put(root / "json_files/json_image/7_Music.json", [row | {"prompt_en": "a band"}, row | {"prompt_en": "a horn"}])
    put(root / "mapping/final_idx_to_prompt.csv",
        'idx\tprompt\ngo man\tHe says: \\"Go\\"\na_band.jpg\ta band\na_horn.jpg\ta horn\n')  # fmt: skip
    return root


def test_vabench(tmp_path):
    found = read_source("vabench-t2av", vabench(tmp_path))
    assert [(p.id, dict(p.tags)) for p in found.prompts] == [
        (name, {"level": "easy", "category": "human_language"}) for name in ("go_man", "easy_human_language.row002")
    ]
    assert (found.prompts[0].video_caption, found.prompts[0].audio_caption) == ("v", "a")
    assert any(note.startswith("the mapping has no name") for note in found.notes)
    put(tmp_path / "pictures/a_band.jpg")
    images = read_source("vabench-i2av", tmp_path)
    assert [(p.id, p.image, dict(p.tags)) for p in images.prompts] == [
        ("a_band", "pictures/a_band.jpg", {"category": "Music"})
    ]
    (fault,) = faults(images)
    assert "7_Music.json:1: expected one image a_horn.jpg below the source, found 0" in fault
    (tmp_path / "mapping/final_idx_to_prompt.csv").unlink()
    assert "final_idx_to_prompt.csv: expected a readable UTF-8 file" in faults(read_source("vabench-t2av", tmp_path))[0]


def test_uniavatar_style_folders(tmp_path):
    put(tmp_path / "a/one.json", {"video_caption": "v", "audio_caption": "a", "transcript": "hi", "language": "de",
                                  "category": "anime"})  # fmt: skip
    for suffix in ("PNG", "wav", "mp4"):
        put(tmp_path / f"a/one.{suffix}")
    put(tmp_path / "two.json", {"video_caption": "v"})
    found = read_source("uniavatar", tmp_path)
    (one,) = found.prompts
    assert (one.id, one.image, one.audio, one.reference) == ("a.one", "a/one.PNG", "a/one.wav", "a/one.mp4")
    assert (one.language, dict(one.tags)) == ("de", {"category": "anime"})
    assert faults(found) == [f"{tmp_path}/two.json:1: expected an image two.png or .jpg beside it, found none"]


def test_talking_head_sets(tmp_path):
    lrs3 = tmp_path / "lrs3"
    put(lrs3 / "test/aBc/00001.mp4")
    put(lrs3 / "test/aBc/00001.txt", "Text:  IT'S TRUE\nConf:  3\n\nWORD START END ASDSCORE\n")
    put(lrs3 / "test/aBc/00002.mp4")
    put(lrs3 / "test/aBc/00003.txt", "Text:  LOST\n")
    put(lrs3 / "test/aBc/00004.mp4")
    put(lrs3 / "test/aBc/00004.txt", "IT'S TRUE\n")
    found = read_source("lrs3", lrs3)
    (one,) = found.prompts
    assert (one.id, one.transcript, one.language) == ("test.aBc.00001", "it's true", "en")
    assert (one.reference, one.audio, one.video_caption) == (*("test/aBc/00001.mp4",) * 2, "a person talking")
    assert dict(one.tags) == {"split": "test", "speaker": "aBc"}
    told = "\n".join(faults(found))
    assert "00003.txt: expected a clip 00003.mp4 beside it" in told
    assert "00002.mp4: expected a readable UTF-8 file" in told
    assert '00004.mp4: 00004.txt:1: expected `Text:  WORDS`, got "IT\'S TRUE"' in told
    hdtf = tmp_path / "hdtf"
    put(hdtf / "WDA_Name_000.mp4")
    put(hdtf / "WDA_Name_000.wav")
    put(hdtf / "other.mp4")
    found = read_source("hdtf", hdtf)
    assert [(p.id, p.audio, dict(p.tags)) for p in found.prompts] == [
        ("WDA_Name_000", "WDA_Name_000.wav", {"part": "WDA"})
    ]
    assert "other.mp4: expected a name that begins with RD_" in faults(found)[0]
    vox = tmp_path / "vox"
    put(vox / "test/mp4/id00017/a-_b/00003.mp4")
    put(vox / "test/aac/id00017/a-_b/00003.m4a")
    put(vox / "id7/x/1.mp4")
    found = read_source("voxceleb", vox)
    (one,) = found.prompts
    assert (one.id, one.audio) == ("test.id00017.a-_b.00003", "test/aac/id00017/a-_b/00003.m4a")
    assert dict(one.tags) == {"split": "test", "speaker": "id00017"}
    assert "id7/x/1.mp4: expected idNNNNN/VIDEO/NNNNN.mp4" in faults(found)[0]


def test_plain_tables_and_lines(tmp_path):
    put(tmp_path / "a.png")
    table = put(tmp_path / "t.csv", 'id,video_caption,image,tag:place\n\na,"two\nlines",a.png,in\nb,v,,\n')
    one, two = read_source("csv", table).prompts
    assert (one.id, one.video_caption, one.image, dict(one.tags)) == ("a", "two\nlines", "a.png", {"place": "in"})
    assert (two.image, dict(two.tags)) == (None, {})
    tabs = put(tmp_path / "t.tsv", "id\tvideo_caption\na\tx, y\n")
    assert read_source("csv", tabs).prompts[0].video_caption == "x, y"
    line = {"id": "a", "video_caption": "v", "transcript": "one\u2028two", "tags": {"k": "x | y"}, "language": "fr-CA"}
    (one,) = read_source("jsonl", put(tmp_path / "p.jsonl", line)).prompts
    assert (one.transcript, one.language, one.values("k")) == ("one\u2028two", "fr-CA", ("x", "y"))


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
        "jova-bench: 4 rows cannot become a prompt (1 prompts can); mend them or give --skip-invalid",
    ]
    assert not (tmp_path / "out.jsonl").exists()
    code, out, err = call(capsys, "suites", "import", "csv", source, "--out", tmp_path / "out.jsonl", "--skip-invalid")
    assert (code, out) == (0, f"{tmp_path / 'out.jsonl'}\n")
    assert "1 prompts, 4 rows left out as told above" in err
    assert [prompt.id for prompt in load_suite(tmp_path / "out.jsonl").prompts] == ["a"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "expected JSON, got Expecting property name"),
        ("[1]", "expected an object, got a list"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 9999, "expected JSON, got Exceeds the limit"),
        ({"id": "b"}, "expected a video_caption, an audio_caption or a transcript, got none"),
        ({"video_caption": "v"}, "id: expected a text, got no such field"),
        ({"id": 3, "video_caption": "v"}, "id: expected a text, got a number"),
        ({"id": "b", "video_captoin": "v"}, "video_captoin: unknown field; did you mean 'video_caption'?"),
        ({"id": "b", "video_caption": "v", "tags": {"a": 1}}, "tags: expected an object of texts"),
        ({"id": "…", "video_caption": "v", "image": "../x.png"}, "image: expected a path inside"),
        ({"id": "b", "video_caption": "v", "image": "sub/../x.png"}, "image: expected a path inside"),
        ({"id": "b", "video_caption": "v", "audio": "/etc/hostname"}, "audio: expected a path inside"),
        ({"id": "b", "video_caption": "v", "reference": "link.mp4"}, "reference: expected a path inside"),
        ({"id": "b", "video_caption": "v", "reference": "loop"}, "reference: expected a path inside"),
        ({"id": "b", "video_caption": "v", "reference": "a\0b"}, "reference: expected a path inside"),
        ({"id": "b", "video_caption": "v", "image": "none.png"}, "image: expected a file, got 'none.png'"),
        ({"id": "b", "video_caption": "v", "image": "sub"}, "image: expected a file, got 'sub'"),
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


def test_ids_are_safe_and_apart(tmp_path):
    def found(*ids):
        return collect([Draft(f"f:{i}", one, "v") for i, one in enumerate(ids)], tmp_path)

    assert [p.id for p in found("a b", "a.b", "x..y", "é" * 300).prompts] == ["a_b", "a.b", "x.y", "_"]
    # Two ids that would be one are told apart by their own digest, in any order; the others stay.
    one = {p.id for p in found("a b", "a/b", "c").prompts}
    assert one == {p.id for p in found("c", "a/b", "a b").prompts}
    assert len(one) == 3
    assert "c" in one
    assert all(name == "c" or name.startswith("a_b-") for name in one)
    # The same id twice is a fault, whatever stands beside it.
    same = found("a", "b", "a")
    assert [p.id for p in same.prompts] == ["a", "b"]
    assert [fault.what for fault in same.faults] == ["id: 'a' is already at f:0; rename one"]


def test_any_texts_make_ids_that_are_safe_and_unique(tmp_path):
    rng = random.Random(7)
    letters = string.ascii_letters + string.digits + "._- /\\:é中\0\n\"'😀"
    texts = {"".join(rng.choices(letters, k=rng.choice((1, 2, 3, 8, 200)))) for _ in range(3000)}
    found = collect([Draft("f:1", text, "v") for text in sorted(texts)], tmp_path)
    ids = [prompt.id for prompt in found.prompts]
    assert len(set(ids)) == len(ids)
    assert len(ids) + len(found.faults) == len(texts)
    assert all(check_id(one) == one for one in ids)
    assert all(not clean(text) for text in texts) or len(found.faults) <= sum(not clean(text) for text in texts)


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
    assert out.startswith("suite: 4 prompts, 4 with transcript, 0 with image, 4 with audio, 4 with reference; digest ")
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
    assert "p.jsonl, which is there; remove it or name another" in err


def test_a_folder_gets_categories_as_slices(capsys, tmp_path):
    rows = [{"content": f"c{i}", "prompt": "p"} for i in range(2)]
    for category in ("ads", "news"):
        put(tmp_path / f"prompts/{category}.json", rows)
    assert call(capsys, "suites", "import", "avgen-bench", tmp_path, "--out", tmp_path / "my suite")[0] == 0
    suite = load_suite(tmp_path / "my suite/prompts.jsonl")
    assert (suite.name, suite.slices, suite.licence, suite.profile) == ("my_suite", ("category",), "MIT", "standard")
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
