"""AVBench, MoChaBench, PhyAVBench, and subsets whose lists and cuts are checked, as folders of a few rows."""

import hashlib
import json
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.ids import safe_id
from jova_bench.media import files as media
from jova_bench.suites.importers import read_source, subsets
from support.suite_sources import faults, put


def of_seconds(path, seconds):
    """A clip of 2 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = np.zeros((int(2 * seconds), 16, 16, 3), np.uint8)
    media.write(path, frames, Fraction(2), None, 0)
    return path


def test_avbench(tmp_path):
    rows = [
        {"id": "video_0", "prompt_vision": "v", "prompt_audio": "a", "utterance": "Merci.", "full_prompt": "all"},
        {"id": "video_1", "prompt_vision": "w", "prompt_audio": "b", "utterance": ""},
    ]
    found = read_source("avbench", put(tmp_path / "normal_subset.json", rows))
    one, two = found.prompts
    assert (one.id, one.video_caption, one.audio_caption, one.transcript) == ("video_0", "v", "a", "Merci.")
    assert (one.language, two.language, two.transcript) == ("und", "en", "")  # No letter says that it is not English.
    assert dict(one.tags) == {"split": "normal"}
    assert sorted(found.notes.values()) == [1, 1]
    assert "not taken: full_prompt" in found.notes


def test_mocha_bench(tmp_path):
    table = 'idx_in_category,category,context_id,prompt\n1,1p_emotion,1_man,"""He sings, loudly."""\n'
    table += "2,2p_1clip,2_two,They talk.\n3,2p_1clip,3_gone,No.\n"
    put(tmp_path / "benchmark/benchmark.csv", table)
    for name in ("1p_emotion/1_man", "2p_1clip/2_two"):
        put(tmp_path / f"benchmark/speeches/{name}_speech.wav")
    put(tmp_path / "benchmark/first-frames-from-mocha-generation/1p_emotion/1_man.png")
    for source in (tmp_path, tmp_path / "benchmark"):
        found = read_source("mochabench", source)
        one, two = found.prompts
        before = "benchmark/" if source == tmp_path else ""
        assert (one.id, one.video_caption) == ("1p_emotion.1_man", "He sings, loudly.")
        assert one.audio == f"{before}speeches/1p_emotion/1_man_speech.wav"
        assert one.image == f"{before}first-frames-from-mocha-generation/1p_emotion/1_man.png"
        assert (two.image, dict(two.tags)) == (None, {"category": "2p_1clip", "people": "2"})
        assert [fault.what for fault in found.faults] == [
            "context_id: expected the speech speeches/2p_1clip/3_gone_speech.wav, found none"
        ]
        assert not found.notes


def test_phyavbench(tmp_path):
    row = {"id": "m02_c06_g001", "prompt_a": "empty", "prompt_b": "full", "ref_video_a": "x", "ref_video_b": "y"}
    text = json.dumps(row) + "\n" + json.dumps({"id": "m01_g2", "prompt_a": "lone"}) + "\n{\n"
    found = read_source("phyavbench", put(tmp_path / "prompt_all.jsonl", text))
    assert [(one.id, one.video_caption) for one in found.prompts] == [
        ("m02_c06_g001_a", "empty"), ("m02_c06_g001_b", "full")
    ]  # fmt: skip
    assert dict(found.prompts[1].tags) == {"group": "m02_c06_g001", "side": "b", "kind": "m02"}
    assert dict(found.notes) == {"not taken: ref_video_a, ref_video_b": 2}
    assert [fault.where.rpartition(":")[2] for fault in found.faults] == ["2", "2", "3"]


@pytest.fixture
def digests(monkeypatch):
    """Makes lists of a few rows the right ones."""

    def of(text):
        return hashlib.sha256(text.encode()).hexdigest()

    def use(hdtf, emtd):
        monkeypatch.setattr(subsets, "HDTF", {part: of(text) for part, text in hdtf.items()})
        monkeypatch.setattr(subsets, "EMTD", of(emtd))

    return use


def test_hdtf_first_15_seconds(tmp_path, digests):
    lists = {"RD": "Radio1.mp4 00:20-01:35 02:00-02:08\n", "WDA": "Ann.mp4 00:05-00:30\nBob.mp4 01:00-02:00"}
    digests(lists, "")
    for part, text in lists.items():
        put(tmp_path / f"HDTF_dataset/{part}_annotion_time.txt", text)
    of_seconds(tmp_path / "clips/RD_Radio1_000.mp4", 15)
    of_seconds(tmp_path / "clips/RD_Radio1_001.mp4", 8)  # All of it: it is shorter.
    of_seconds(tmp_path / "clips/WDA_Ann_000.mp4", 25)
    found = read_source("hdtf-first15", tmp_path)
    assert [(one.id, one.reference, dict(one.tags)) for one in found.prompts] == [
        (f"RD_Radio1_00{k}", f"clips/RD_Radio1_00{k}.mp4", {"part": "RD"}) for k in (0, 1)
    ]
    assert [fault.what for fault in found.faults] == [
        "WDA_Ann_000.mp4: expected the cut of 15.00 s, got 25.00 s", "expected one clip WDA_Bob_000.mp4, found none"
    ]  # fmt: skip
    assert found.faults[1].where.endswith("WDA_annotion_time.txt:2")
    put(tmp_path / "HDTF_dataset/WDA_annotion_time.txt", "Ann.mp4 00:05-00:31\n")
    (tmp_path / "HDTF_dataset/RD_annotion_time.txt").unlink()
    told = faults(read_source("hdtf-first15", tmp_path))
    assert "expected the list RD_annotion_time.txt, found none" in told[0]
    assert "WDA_annotion_time.txt: expected sha256" in told[1]


def test_emtd(tmp_path, digests):
    rows = [
        "https://x/watch?v=ab-c,00:00:54.596,00:01:01.561",
        "https://x/watch?app=y&v=d_e&t=3s,00:02:04.0,00:02:08.0",
    ]
    text = "URL,Start Timecode,End Timecode\n" + "\n".join(rows) + "\n"
    digests({}, text)
    put(tmp_path / subsets.EMTD_LIST, text)
    of_seconds(tmp_path / "cut/000_ab-c.mp4", 7)
    of_seconds(tmp_path / "cut/001_d_e&t=3s.mp4", 4)
    found = read_source("emtd-110", tmp_path)
    assert not found.faults
    assert [(one.id, one.tags["video"]) for one in found.prompts] == [
        ("000_ab-c", "ab-c"), (safe_id("001_d_e&t=3s"), "d_e")
    ]  # fmt: skip
    of_seconds(tmp_path / "again/000_ab-c.mp4", 7)
    put(tmp_path / "cut/001_d_e&t=3s.mp4", "no film")
    told = faults(read_source("emtd-110", tmp_path))
    assert "expected one clip 000_ab-c.mp4, found 2" in told[0]
    assert "expected a clip, got" in told[1]
