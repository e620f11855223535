"""Each format of other benchmarks' prompts, as a folder of a few rows, becomes the prompts that it says."""

import json

import pytest

from jova_bench.ids import safe_id
from jova_bench.suites.importers import read_source
from support.suite_sources import faults, put, verse


def by_id(found):
    return {prompt.id: prompt for prompt in found.prompts}


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
        (safe_id("news.A: b/c"), "one", "", {"category": "news"}),
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
    assert found.notes == {"the real clip is missing, so the prompt has no reference": 1}
    wrong = put(tmp_path / "w.csv", "text,cat0_ind\na,5\nb,x\nc,1\n,1\n")
    assert faults(read_source("javisbench", wrong)) == [
        f"{wrong}:2: cat0_ind: expected numbers from 0 to 4 between commas, got '5'",
        f"{wrong}:3: cat0_ind: expected numbers from 0 to 4 between commas, got 'x'",
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
    assert [(who.id, who.text) for who in one.speakers] == [("A", "One."), ("B", "Two.")]
    assert (two.tags["speech"], two.transcript, two.speakers) == ("without", "", ())
    assert faults(found) == [
        f"{path}:1: index: expected a number from 0, got '9'",
        f"{path}:1: id: 'sample_0007' is already at {path}:1; rename one",
    ]


@pytest.mark.parametrize(
    ("turns", "speakers"),
    [
        ([("Ann", "Well."), ("Mr. B", "Yes?"), ("Ann", "No.")], [("Ann", "Well. No."), (safe_id("Mr. B"), "Yes?")]),
        ([("Ann", "Well."), ("Ann", "No.")], []),
        ([("Ann", "Well."), ("Ben", "")], []),
        ([("Ann", "Well."), ("", "Who said so?")], []),
    ],
)
def test_t2av_compass_has_what_each_of_several_speakers_says(turns, speakers, tmp_path):
    speech = [{"speaker": name, "text": text} for name, text in turns]
    row = {"index": 1, "video_prompt": "v", "audio_prompt": "a", "speech_prompt": speech}
    (one,) = read_source("t2av-compass", put(tmp_path / "prompts.json", [row])).prompts
    assert [(who.id, who.text) for who in one.speakers] == speakers
    assert one.transcript == " ".join(text for _, text in turns if text)


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
        (name, {"level": "easy", "category": "human_language"})
        for name in (safe_id("go man"), "easy_human_language.row002")
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
    for name in ("._WDA_Name_000.mp4", ".WDA_Name_001.part.mp4", "WDA_Name_002.part.mp4", ".cache/WDA_Name_003.mp4"):
        put(hdtf / name)
    found = read_source("hdtf", hdtf)
    assert [(p.id, p.audio, dict(p.tags)) for p in found.prompts] == [
        ("WDA_Name_000", "WDA_Name_000.wav", {"part": "WDA"})
    ]
    (fault,) = faults(found)
    assert "other.mp4: expected a name that begins with RD_" in fault
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
