"""What the pages of a report show: words, curves, slices, and what is seen and heard of a clip."""

import json
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.assets.table import asset_table
from jova_bench.cache import NoCache
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.prompts import Prompt
from jova_bench.report.common import COMMON
from jova_bench.report.files import read_leaderboard
from jova_bench.report.html.data import ALL
from jova_bench.report.html.figures import read_sweep, sweep_curves
from jova_bench.report.html.pages import slice_groups
from jova_bench.report.html.slices import by_slice, members
from jova_bench.report.html.tracks import curve_path, sound_path
from jova_bench.report.html.view import Look, Looking, outline
from jova_bench.report.html.votes import rating_figures, read_fit, section
from jova_bench.report.html.words import Word, aligned
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import load_suite
from jova_bench.votes import tables
from jova_bench.votes.fit import fit_votes
from support.made_runs import made_run, undefined
from support.sweeps import SWEEP, claimed, value
from support.voting import simulated, vote


def test_words_are_aligned_as_the_error_rate_counts_them():
    assert aligned("Put the red box here!", "put a red here now", "en") == (
        Word("hit", "put", "put"),
        Word("substitution", "the", "a"),
        Word("hit", "red", "red"),
        Word("substitution", "box", "here"),
        Word("substitution", "here", "now"),
    )
    assert aligned("stay", "", "en") == (Word("deletion", "stay", ""),)
    assert aligned("lay blue box", "blue box now", "en") == (
        Word("deletion", "lay", ""),
        Word("hit", "blue", "blue"),
        Word("hit", "box", "box"),
        Word("insertion", "", "now"),
    )
    assert [word.kind for word in aligned("你好", "你们", "zh")] == ["hit", "substitution"]
    assert aligned("...", "well", "en") == (Word("insertion", "", "well"),)


def test_paths_of_curves():
    # Two parts fill the left half: middles at 125 and 375. Full scale is the loudest sample, 1: 0.5 is a quarter up.
    assert sound_path([(-0.5, 0.5), (-1.0, 1.0)], 0.5) == "M125.0,25.0 375.0,0.0 375.0,100.0 125.0,75.0Z"
    # A quiet sound is not blown up beyond twice its size.
    assert sound_path([(-0.1, 0.1)], 1.0) == "M500.0,40.0 500.0,60.0Z"
    # Two values a second in a box of two seconds: at 0.25 s and 0.75 s.
    assert curve_path([0.0, 1.0], 2, 2.0, filled=False) == "M125.0,100.0 375.0,0.0"
    assert curve_path([1.0], 2, 1.0, filled=True) == "M250.0,100.0 250.0,0.0 250.0,100.0Z"
    assert sound_path([], 1.0) == curve_path([], 25, 1.0, filled=True) == ""


def test_the_outline_has_the_extremes_of_each_part():
    audio = np.zeros((1, 480), np.float32)
    audio[0, 3], audio[0, 479] = 0.5, -0.25
    found = outline(clip_from_arrays(None, 0, audio, 16_000))
    assert len(found) == 240
    assert (found[0], found[1], found[239]) == ((0.0, 0.0), (0.0, 0.5), (-0.25, 0.0))


def test_slices_are_means_of_their_prompts(tmp_path):
    values = [float(i) for i in range(12)]
    folder = made_run(tmp_path, {"one": {"score": values}, "two": {"score": [undefined()] * 12}})
    hair = ["red"] * 5 + ["blue | red"] + ["blue"] * 5 + ["rare"]
    prompts = [
        Prompt(
            id=f"p{i:02d}", video_caption="v", audio_caption="", transcript="", tags={"hair": hair[i], "own": str(i)}
        )
        for i in range(12)
    ]
    found = by_slice(read_leaderboard(folder), read_run(folder), prompts)
    assert list(found) == ["hair=blue", "hair=red"]
    assert members("hair=red", prompts) == [0, 1, 2, 3, 4, 5]
    red = {estimate.model: estimate for estimate in found["hair=red"]}
    assert (red["one"].value, red["one"].n_prompts) == (2.5, 6)
    # Student's t, 5 degrees of freedom: 2.5706 * sqrt(3.5 / 6)
    assert red["one"].ci == pytest.approx((2.5 - 1.96331, 2.5 + 1.96331), abs=1e-4)
    assert (red["two"].value, red["two"].n_undefined) == (None, 6)
    # A tag that was asked for has every value, as in the other views.
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["prompts"] = [prompt.model_dump() for prompt in prompts]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    board = read_leaderboard(folder, ["hair"])
    found = by_slice(board, read_run(folder), prompts)
    assert set(found) == set(board.slices) == {"hair=blue", "hair=red", "hair=rare"}
    assert [estimate.value for estimate in found["hair=rare"]] == [11.0, None]


def test_a_value_of_a_tag_may_have_an_equals_sign(tmp_path):
    folder = made_run(tmp_path, {"one": {"score": [1.0] * 10}, "two": {"score": [2.0] * 10}})
    tags = [{"said": f"E=mc{i % 2}", "a=b": "c"} for i in range(10)]
    prompts = [
        Prompt(id=f"p{i:02d}", video_caption="v", audio_caption="", transcript="", tags=tags[i]) for i in range(10)
    ]
    found = by_slice(read_leaderboard(folder), read_run(folder), prompts)
    assert list(found) == ["said=E=mc0", "said=E=mc1", "a=b=c"]
    assert [members(name, prompts) for name in found] == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9], list(range(10))]
    shown = [{"name": name, "prompts": [0, 1]} for name in (ALL, COMMON, "said=E=mc0", "said=E=mc1")]
    assert slice_groups(shown) == [
        ("", [(0, "all prompts", 2), (1, "made by every model", 2)]),
        ("said", [(2, "E=mc0", 2), (3, "E=mc1", 2)]),
    ]


def look(path, digest="d", domain="embedded"):
    prompt = Prompt(id="p", video_caption="v", audio_caption="a", transcript="put red box")
    return Look("key", path, digest, prompt, domain)


def test_a_real_clip_is_seen_and_heard(tmp_path, real_prompts):
    (wer,) = build(["wer"], "embedded", MetricContext(NoCache()))
    looking = Looking(tmp_path / "features", "embedded", ("wer",), frozenset({wer.spec.identity}), asset_table())
    path = load_suite("embedded").path(real_prompts[1].reference)
    view = looking()(look(path))
    assert view.size == (64, 64)
    assert len(view.opening_seen) == len(view.opening_heard) == 73
    assert np.corrcoef(view.opening_seen, view.opening_heard)[0, 1] > 0.9
    assert view.no_mouth is None
    assert view.heard[wer.spec.identity].text == real_prompts[1].transcript
    # What was seen of a content is kept: the file is not read again.
    broken = tmp_path / "broken.mp4"
    broken.touch()
    assert looking()(look(broken)) == view
    assert looking()(look(broken, digest="other")).startswith("cannot decode broken.mp4: ")
    assert looking()(look(path, domain=None)).no_mouth == "outside the embedded domain"


def test_a_silent_face_still_has_a_mouth(tmp_path, real_clips):
    media.write(tmp_path / "quiet.mp4", real_clips[0].frames, Fraction(25), np.zeros((1, 46_720), np.float32), 16_000)
    view = Looking(tmp_path / "features", "embedded", (), frozenset(), asset_table())()(look(tmp_path / "quiet.mp4"))
    assert len(view.opening_seen) == len(real_clips[0].frames)
    assert (view.opening_heard, view.no_mouth) == ((), None)


def test_the_papers_recognisers_are_not_run_for_a_report(tmp_path):
    media.write(tmp_path / "c.wav", None, Fraction(0), np.sin(np.arange(8000, dtype=np.float32))[None] / 2, 16_000)
    (wer,) = build(["wer"], "standard", MetricContext(NoCache()))
    looking = Looking(tmp_path / "features", "standard", ("wer",), frozenset({wer.spec.identity}), asset_table())
    heard = looking()(look(tmp_path / "c.wav", domain=None)).heard[wer.spec.identity]
    assert (heard.text, heard.reason) == (None, "the recognised words are no longer in the run folder")


def test_curves_of_a_sweep(tmp_path):
    (figure,) = sweep_curves(SWEEP)
    assert (figure["title"], figure["x"], figure["y"]) == (
        "LSE-C (embedded)",
        "weight",
        "LSE-C (embedded) ↑",
    )
    assert figure["ticks"] == [[0, "0"], [5, "5"], [10, "10"]]
    assert figure["range"] == [-2.5, 12.5]
    first, second = figure["traces"]
    assert (first["name"], first["x"], first["y"]) == ("training seed 0", [0, 5, 10], [1.0, 2.0, 2.5])
    assert first["text"] == ["weight=0", "base", "weight=10"]
    assert (first["error_y"]["array"], first["error_y"]["arrayminus"]) == ([0.25, 1.0, 0.0], [0.5, 0.5, 0.0])
    assert (second["x"], second["y"]) == ([5], [2.25])
    assert figure["levels"] == [{"name": "real", "value": 4.0}]
    (tmp_path / "sweep.json").write_text(json.dumps(SWEEP))
    read = read_sweep(tmp_path / "sweep.json")
    assert read["figures"] == json.loads(json.dumps(sweep_curves(SWEEP)))
    assert (read["name"], read["description"]) == ("mouth-loss", "how much the mouth weighs")
    assert read["about"].endswith("The base: weight=5.")


def test_verdicts_stand_with_their_curve_and_curves_that_tell_something_come_first(tmp_path):
    (figure,) = sweep_curves(SWEEP)
    assert [(one["arm"], one["difference"], one["verdict"]) for one in figure["verdicts"]] == [
        ("weight=10", "+0.500", "no claim"),
        ("weight=0", "\N{MINUS SIGN}1.25 to \N{MINUS SIGN}1.00", "worse"),
    ]
    assert figure["verdicts"][1]["text"] == "worse in all 2 pairs of trainings"
    assert figure["tells"]
    # Many trainings are one test of their means; a metric of which nothing is said comes last.
    wer = {"metric": "wer", "identity": "wer@1/embedded:w[00]", "direction": "down"}
    test = {"delta": -0.1, "ci": [-0.15, -0.05]}
    tested = claimed("weight=0", "better", "better over 6 and 6 trainings (p = 0.02)", None, None, test)
    silent = claimed("weight=0", "no claim", "no claim: better in 1, worse in 1 of 2 pairs of trainings", None, None)
    values = [*SWEEP["values"], SWEEP["values"][0] | wer]
    record = SWEEP | {"metrics": [*SWEEP["metrics"], wer], "values": values, "claims": [silent, tested | wer]}
    (tmp_path / "sweep.json").write_text(json.dumps(record))
    first, second = read_sweep(tmp_path / "sweep.json")["figures"]
    assert (first["title"], first["tells"], second["tells"]) == ("WER (embedded)", True, False)
    assert first["verdicts"][0]["difference"] == "\u22120.100 [\u22120.150, \u22120.050]"
    assert second["verdicts"][0]["difference"] == ""


@pytest.mark.parametrize(
    ("values", "places", "title"),
    [
        ((1, 10, 100), [0, 1, 2], "weight (logarithmic)"),
        ((4, 8, 16, 25, 50), [0.602, 0.903, 1.204, 1.398, 1.699], "weight (logarithmic)"),
        ((0, 1, 2, 5, 10), [0, 1, 2, 5, 10], "weight"),  # Zero has no logarithm.
        ((1, 2, 3), [1, 2, 3], "weight"),
        ((1, 100), [1, 100], "weight"),  # Of two values there is one ratio.
    ],
)
def test_values_stand_at_their_true_distances_or_those_of_their_logarithms_where_they_are_geometric(
    values, places, title
):
    arms = [{"arm": f"weight={one}", "changed": {"weight": one}} for one in values]
    rows = [value(one["arm"], 0, 1.0, None) for one in arms]
    (figure,) = sweep_curves(SWEEP | {"arms": arms, "values": rows})
    assert figure["traces"][0]["x"] == pytest.approx(places, abs=1e-3)
    assert figure["ticks"] == [
        [pytest.approx(place, abs=1e-3), str(one)] for place, one in zip(places, values, strict=True)
    ]
    assert figure["x"] == title


def test_arms_that_are_no_numbers_stand_behind_unjoined():
    arms = [*SWEEP["arms"], {"arm": "box=off", "changed": {"box": "off"}}]
    (figure,) = sweep_curves(SWEEP | {"arms": arms, "values": [*SWEEP["values"], value("box=off", 0, 0.5, None)]})
    # The arm that is no number stands 0.4 of their range behind them.
    assert (figure["x"], figure["ticks"][2:]) == ("weight, other arms", [[10, "10"], [14, "box=off"]])
    assert figure["range"] == pytest.approx([-2.5, 17.2])
    first, _, other = figure["traces"]
    assert (first["mode"], first["y"]) == ("lines+markers", [1.0, 2.0, 2.5])
    assert (other["name"], other["mode"]) == ("training seed 0", "markers")  # A seed is one name and one colour.
    assert (other["colour"], other["symbol"]) == (first["colour"], first["symbol"]) == (0, 0)
    assert (other["x"], other["y"]) == ([14], [0.5])


def test_arms_that_are_no_numbers_stand_in_their_order(tmp_path):
    arms = [{"arm": "base", "changed": {}}, {"arm": "box=off", "changed": {"box": "off"}}]
    values = [SWEEP["values"][0], SWEEP["values"][0] | {"arm": "box=off"}]
    (figure,) = sweep_curves(SWEEP | {"arms": arms, "values": values})
    assert (figure["x"], figure["ticks"]) == ("box", [[0, "mouth"], [1, "off"]])
    assert figure["range"] == [-0.5, 1.5]
    assert figure["traces"][0]["mode"] == "markers"
    for text, said in (("[]", "a sweep's results"), ("{}", "a sweep's results"), ("no", "JSON")):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(BenchError, match=f"expected {said}"):
            read_sweep(tmp_path / "other.json")


def test_votes_are_a_table_and_a_figure_for_each_question(tmp_path):
    votes = [
        *simulated({"a": 0.6, "b": 0.0, "c": -0.6}),
        *(vote(f"r{k}", f"p{k}", "a", "b", "left", question="picture") for k in range(4)),
    ]
    (tmp_path / "fit.json").write_text(tables.json(fit_votes(votes)))
    fit = read_fit(tmp_path / "fit.json")
    assert fit == fit_votes(votes)
    sync, picture = section(fit)["questions"]
    assert [row[0] for row in sync["ratings"]] == ["a", "b", "c"]
    assert len(sync["pairs"]) == 3
    assert picture["reason"] == "a never lost to b, so that the difference has no upper limit"
    (figure,) = rating_figures(fit)  # A question without ratings has none.
    (trace,) = figure["traces"]
    rows = fit.questions[0].models
    assert [label for _, label in figure["ticks"]] == trace["text"] == [row.model for row in rows]
    assert trace["y"] == [row.rating for row in rows]
    assert trace["y"][0] + trace["error_y"]["array"][0] == pytest.approx(rows[0].ci[1])
    assert trace["y"][0] - trace["error_y"]["arrayminus"][0] == pytest.approx(rows[0].ci[0])
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(BenchError, match="expected what `votes fit --format json` prints, got another JSON file"):
        read_fit(tmp_path / "other.json")
