"""Networks of `benchmarks/clips_per_hour.py` have the published sizes; its page is what its data say."""

import importlib
import json
import math

import pytest

from jova_bench.assets import table as assets
from support.committed import data, text
from support.shown import ROOT

BESIDE = {
    "imagebind-huge": (0.89, "three more senses"),
    "clap-music-speech-audioset": (1 / 3, "two numbers of Adam for each weight"),
    "panns-cnn14-16k": (0.90, "the order of the training clips"),
    "nisqa-v2": (0.96, "the arguments of its training"),
}
"""Share of a published file that its weights are, and what else it holds."""


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module


def test_every_network_has_the_size_of_the_published_file(script):
    shapes = script("real_sizes").SHAPES
    seen = set()
    for name, of in shapes.items():
        published = assets.published()[name]
        if published.size is not None:
            each = 2 if name == "whisper-large-v3" else 4
            share = each * sum(math.prod(shape) for shape in of().values()) / published.size
            assert share == pytest.approx(BESIDE.get(name, (0.999, ""))[0], abs=0.006), name
            seen.add(name)
    assert len(seen) >= 16
    assert set(BESIDE) <= seen


def test_a_page_adds_up_what_was_measured(script, tmp_path, capsys):
    def row(networks, *cpu_s, answer="ok"):
        return {"networks": networks, "answers": [answer] * len(cpu_s), "cpu_s": cpu_s, "wall_s": [9.0] * len(cpu_s)}

    found = {
        "device": "cpu", "device_name": "abacus", "clips": 2, "seconds": 5, "fps": 25, "side": 512, "passes": 2,
        "room_bytes": 4_000_000_000,
        "decoding": {"pictures": row([], 0.5, 1.5), "sound alone": row([], 0.1, 0.1)},
        "metrics": {
            "lse_c": row(["s3fd", "syncnet"], 10, 14), "lse_d": row(["s3fd", "syncnet"], 0, 0),
            "pesq": row([], 2, 2, answer="undefined: not aligned"), "wer": row(["whisper"], 20, 20),
        },
        "not_measured": {"face_count": "weights missing"},
        "profile": ["lse_c", "lse_d", "pesq", "wer", "face_count", "fvd"],
    }  # fmt: skip
    path = tmp_path / "found.json"
    path.write_text(json.dumps(found))
    script("clips_per_hour").main(["--page", str(path)])
    page = capsys.readouterr().out
    # 12 + 0 + 2 + 20 s, and 1 s of decoding in each of two passes.
    assert "**At most 100.0 clips an hour** on one core (abacus), one thread: 36 processor seconds a clip." in page
    table = [line for line in page.splitlines() if line.startswith("| ")]
    assert table[1:] == [
        "| whisper | wer | 20.00 | 55.6% |",
        "| s3fd, syncnet | lse_c, lse_d | 12.00 | 33.3% |",
        "| none that is an asset | pesq* | 2.00 | 5.6% |",
    ]
    assert "fewer clips an hour are to be expected: fvd." in page
    assert "- pesq: undefined: not aligned" in page
    assert "- face_count: not measured: weights missing" in page


def test_the_committed_page_and_the_docs_say_what_was_measured(script, capsys):
    clips, found = script("clips_per_hour"), data("clips-per-hour")
    clips.main(["--page", str(ROOT / "results" / "clips-per-hour.json")])
    assert capsys.readouterr().out == text("results/clips-per-hour.md")
    answers = [answer for one in found["metrics"].values() for answer in one["answers"]]
    assert {answer for answer in answers if answer != "ok"} == {"undefined: free generation"}  # PESQ and STOI.
    assert f"{len(found['metrics'])} of {len(found['profile'])} metrics" in text("docs/costs.md")
    assert f"{clips.total(found):.0f} processor seconds a clip" in text("docs/costs.md")
    for name in ("wer", "desync", "lse_c"):
        assert f"`{name}` {clips.seconds(found, found['metrics'][name]):.0f}" in text("docs/costs.md")
