"""The page of a prepared folder: what it counts, what hostile texts become, and that it loads nothing."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="pages need jova-bench[report]")

from jova_bench.data.page import binned, evenly, write_page
from jova_bench.data.records import REJECTS, ClipRecord, Reason, Settings, Sync
from jova_bench.data.store import SAMPLES, TRACKS, PreparedFolder, keep_arrays, keep_image
from jova_bench.errors import BenchError
from support.shown import ROOT

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7777 * 7777 }}"
SETTINGS = Settings(fps="25/1", lengths=(73, 49), sizes=((64, 64),), faces="mediapipe")


def clip(number, **fields):
    made = {
        "id": f"a-{number}",
        "source": HOSTILE,
        "start_s": 0.0,
        "end_s": 2.92,
        "frames": 73,
        "height": 64,
        "width": 64,
    }
    return ClipRecord(**{"status": "kept", **made, **fields})


@pytest.fixture
def folder(tmp_path):
    """Three kept clips and two rejected ones; one of each has hostile texts wherever a record has texts."""
    why = Reason(code="out_of_sync", by=HOSTILE, detail=HOSTILE)
    sync = Sync(offset_frames=3, confidence=0.5, by=HOSTILE)
    clips = [
        clip(0, transcript=HOSTILE, video_caption=HOSTILE, boxes=f"{TRACKS}/a-0.npz", speech=((0.0, 1.46),)),
        clip(1, frames=49, end_s=1.96, sync=Sync(offset_frames=0, confidence=0.25, by="x")),
        clip(2, sync=Sync(offset_frames=0, confidence=0.75, by="x")),
        clip(3, status="rejected", reasons=(why,), sync=sync),
        clip(4, status="rejected", reasons=(Reason(code=HOSTILE, by="x", detail="y"), why)),
    ]
    with PreparedFolder(tmp_path / "out", SETTINGS) as store:
        for one in clips:
            store.add_clip(one)
    boxes = np.tile(np.float32([16, 32, 48, 48]), (73, 1))
    boxes[:20] = np.nan
    keep_arrays(tmp_path / "out" / TRACKS / "a-0.npz", {"mouth_box": boxes, "confidence": np.full(73, 0.9, np.float32)})
    for number in (0, 3):
        keep_image(tmp_path / "out" / SAMPLES / f"a-{number}.jpg", b"no image")
    return tmp_path / "out"


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def page(folder):
    write_page(folder, SETTINGS, HOSTILE)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_hostile_texts_are_shown_and_not_obeyed(page, folder):
    tags = {tag for tag, _ in page.tags}
    assert "script" not in tags
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count("alert(1)") > 8
    assert str(7777 * 7777) not in page.text
    assert [attributes["src"] for tag, attributes in page.tags if tag == "img"][-1] == "samples/a-3.jpg"


def test_nothing_is_loaded_from_elsewhere(page, folder):
    for _, attributes in page.tags:
        for name in ("src", "href"):
            assert re.match(r"(samples|clips)/|data:,|#", attributes.get(name) or "#")
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src 'none'" in text


def test_counts_are_those_of_the_manifest(page):
    text = " ".join(page.text.split())
    assert "3 of 5 clips kept" in text
    assert "0.1 min" in text  # 7.8 s
    assert "1 videos" in text
    assert "1 with transcript" in text
    titles = [attributes["title"] for tag, attributes in page.tags if tag == "i"]
    assert {"49: 1", "73: 2", "64 x 64: 3", "+3: 1", "0: 2", "-15: 0"} <= set(titles)
    assert "0.5 to 0.55: 1" in titles  # Half of a clip is speech, and the mouth half of its width.
    assert sum(int(title.rpartition(" ")[2]) for title in titles if title.startswith("0.7 to 0.75")) == 1  # 53 of 73.


def test_a_clip_with_several_reasons_is_counted_and_shown_for_each(tmp_path):
    why = [Reason(code=code, by="x", detail=f"of {code}") for code in ("silent", "no_face", "rate_converted")]
    with PreparedFolder(tmp_path / "out", SETTINGS) as store:
        store.add_clip(one := clip(0, status="rejected", reasons=tuple(why)))
        store.add_clip(clip(1, reasons=tuple(why[2:])))
    keep_image(tmp_path / "out" / SAMPLES / "a-0.jpg", b"no image")
    write_page(tmp_path / "out", SETTINGS, "videos")
    text = " ".join(Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).text.split())
    assert [reason.code for reason in one.rejected_for] == ["silent", "no_face"]
    assert "silent1x" in text
    assert "no_face1x" in text
    assert text.count("of silent; of no_face") == 2  # a figure below each of the two
    assert "rate_converted: 1" in text  # noticed about the kept clip
    assert "rate_converted1x" not in text


def test_the_page_of_data_has_all_reasons():
    table = (ROOT / "docs" / "data.md").read_text(encoding="utf-8").partition("## Why a clip is rejected")[2]
    rows = [row.split("|")[1] for row in table.partition("A rejected clip")[0].splitlines() if row.startswith("| `")]
    assert set(re.findall("`([a-z_]+)`", "".join(rows))) == REJECTS
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "jova_bench" / "data").glob("*.py")]
    named = re.findall(r'reject\(\s*"([a-z_]+)"|NoSpeaker\(\s*"([a-z_]+)"', "".join(sources))
    assert {code for pair in named for code in pair if code} <= REJECTS


def test_the_same_folder_gives_the_same_page(page, folder):
    before = (folder / "report.html").read_bytes()
    write_page(folder, SETTINGS, HOSTILE)
    assert (folder / "report.html").read_bytes() == before


@pytest.mark.parametrize("content", [b"no zip", b"PK\x03\x04", b""])
def test_damaged_boxes_are_one_line(folder, content):
    (folder / TRACKS / "a-0.npz").write_bytes(content)
    with pytest.raises(BenchError, match=r"a-0\.npz: expected the boxes of a clip, got .*; delete it"):
        write_page(folder, SETTINGS, "videos")


def test_an_empty_folder_has_a_page(tmp_path):
    with PreparedFolder(tmp_path / "out", SETTINGS):
        write_page(tmp_path / "out", SETTINGS, "videos")
    assert "0 of 0 clips kept" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_bins_hold_every_value_once():
    bars = binned([0.0, 0.1, 0.5, 1.0], 0, 1)
    assert [bar.count for bar in bars if bar.count] == [1, 1, 1, 1]
    assert bars[-1].label == "0.95 to 1"
    assert sum(bar.count for bar in binned([3.0, 3.0])) == 2
    assert binned([]) == []
    # Beyond the range is counted at its edge.
    assert binned([2.0], 0, 1)[-1].count == 1


def test_samples_are_spread_evenly():
    clips = [clip(k) for k in range(100)]
    assert [one.id for one in evenly(clips, 4)] == ["a-0", "a-33", "a-66", "a-99"]
    assert evenly(clips[:3], 4) == clips[:3]
