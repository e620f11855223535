"""Plans of runs: what is foreseen of models by hand-made numbers, and what is said to be unknown."""

import json
import shutil
from dataclasses import replace

import pytest

import jova_bench as jb
from jova_bench.models.base import Plan
from jova_bench.models.requirements import PublishedSpeed, Requirements, WeightFiles
from jova_bench.tools import dry_run_view as view
from jova_bench.tools.dry_run import Devices, devices_of
from support.commands import call
from support.tiny_runs import Level, Tones, go, suite

WEIGHTS = (
    WeightFiles("a/pinned@c", "MIT", None, 2_000_000_000, here=False, pinned=True),
    WeightFiles("a/free (unpinned)", "CC-BY-NC-4.0", "non-commercial", None, here=False, pinned=False),
    WeightFiles("a/here@c", "MIT", None, 500_000_000, here=True, pinned=True),
)


def speed(**changes):
    given = {"seconds": 90, "device": "H100", "frames": 121, "height": 720, "width": 720, "note": "a paper"}
    return PublishedSpeed(**given | changes)


class Film(Tones):
    """A model of films that states what it needs, and cannot do one prompt of five."""

    requirements = Requirements(WEIGHTS, 80, "a paper", (speed(),), ("environment",), "jova-bench baselines setup film")
    size = (720, 720)

    def check(self):
        return "weights missing: all"

    def plan(self, prompt, suite):
        if prompt.id == "p1":
            raise jb.BenchError(f"expected words, got {prompt.id!r} without")
        height, width = self.size
        return Plan(frames=121, fps=24, height=height, width=width, seconds=5.04, settings={"request": prompt.id})


def plan(tmp_path, models, **more):
    given = {"device": "cuda:0,cuda:1", "out": tmp_path / "run", "metrics": "loudness", "price_per_hour": 2.0}
    return jb.dry_run(models, suite(tmp_path), **given | more)


def test_a_published_time_of_such_clips_makes_hours_and_a_price_of_all_devices(tmp_path):
    found = plan(tmp_path, Film("film"), seeds=[0, 1])
    (one,) = found.models
    assert (one.to_make, one.cannot) == (8, {"expected words, got 'p1' without": ("p1",)})
    assert (one.seconds, one.device_hours) == (90, 8 * 90 / 3600)
    assert found.hours(one) == one.device_hours / 2
    assert found.price(one) == pytest.approx(one.device_hours * 2.0)
    assert one.formats == {"720x720, 121 frames at 24 fps, 5.04 s": 4}
    assert found.download == (2_000_000_000, ("a/free (unpinned)",))
    lines = "\n".join(view.notes(found))
    assert "film: not ready on this machine: weights missing: all" in lines
    assert "film: unpinned weights: a/free (unpinned)" in lines
    assert "film: time: published 90 s on H100 for 720x720, 121 frames (a paper)" in lines
    assert "besides a/free (unpinned), environment of film, of unknown size" in lines
    small = replace(found, devices=Devices(("cuda:0",), ("RTX 4090",), 24_000_000_000))
    assert "film: memory: 80 GB are more than the 24.0 GB of the smallest device" in list(view.notes(small))
    assert not (tmp_path / "run").exists()
    assert len(found.table()) == 1
    assert found.table().loc["film", "hours"] == found.hours(one)
    json.dumps(found.record(), allow_nan=False)


def test_a_published_time_of_other_clips_is_told_and_not_used(tmp_path):
    film = Film("film")
    film.size = (704, 1280)
    found = plan(tmp_path, [film, Tones("tones")])
    assert [(one.seconds, found.hours(one), found.price(one)) for one in found.models] == [(None, None, None)] * 2
    assert view.rows(found)[-1][7:] == ["at least 0", ""]
    assert "without film, tones" in view.title(found)[-1]
    lines = "\n".join(view.notes(found))
    assert "time: unknown for these clips; 0.1 device hours if they were like one that was published: 90 s" in lines
    assert "tones: time: unknown, neither measured nor published" in lines


def test_a_served_model_costs_what_its_table_says_and_takes_no_device(tmp_path):
    served = Film("served")
    served.at_once, served.requirements = 4, None
    served.settings = {"price_as_the_user_says": 0.25, "currency": "USD"}
    found = plan(tmp_path, [served, Film("film")])
    assert [found.price(one) for one in found.models] == [1.0, pytest.approx(4 * 90 / 3600 * 2.0)]
    assert (view.rows(found)[0][7:], found.hours(found.models[0])) == (["unknown", "1.00 USD"], None)
    assert view.rows(found)[-1][8] == ""  # Two currencies have no sum.


def test_what_a_run_beside_it_measured_on_a_like_device_is_used_and_clips_that_are_there_are_not_planned(tmp_path):
    go(tmp_path, [Tones()], [Level()], limit=3, out="pilot", scoring=False)
    lines = (tmp_path / "pilot/samples.jsonl").read_text().splitlines()
    samples = [
        json.loads(line) | {"generate_s": 10.0 * k, "peak_memory_bytes": k * 10**9} for k, line in enumerate(lines, 1)
    ]
    (tmp_path / "pilot/samples.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in samples))
    found = plan(tmp_path, Tones(), device="cpu")
    (one,) = found.models
    assert (one.measured.clips, one.seconds, one.measured.peak_memory_bytes) == (3, 20.0, 3 * 10**9)
    assert found.hours(one) == 5 * 20 / 3600
    assert "tones: time: measured, 3 clips on" in "\n".join(view.notes(found))
    assert plan(tmp_path, Tones(version=2), device="cpu").models[0].measured is None  # Other settings, other times.
    assert plan(tmp_path, Tones(), device="cuda:0").models[0].measured is None
    shutil.copytree(tmp_path / "pilot", tmp_path / "run")
    (again,) = plan(tmp_path, Tones(), device="cpu").models
    assert (again.to_make, again.made) == (2, 3)
    (tmp_path / "pilot/manifest.json").write_text("{")  # A damaged run beside it is no reason to stop.
    assert plan(tmp_path, Tones(), device="cpu").models[0].measured.run == tmp_path / "run"


def test_devices_need_not_be_here_but_must_be_devices():
    assert devices_of("cuda:3,cuda:7").names == ("cuda:3", "cuda:7")
    with pytest.raises(jb.BenchError, match="expected device= auto, cpu"):
        devices_of("gpu")
    with pytest.raises(jb.BenchError, match="price_per_hour= of at least 0, got -1"):
        jb.dry_run("real", "embedded", price_per_hour=-1)


def test_a_published_time_fits_a_clip_of_its_size_in_either_orientation():
    one = speed(height=704, width=1280)
    fitting = Plan(frames=121, height=1280, width=704)
    assert one.fits(fitting)
    assert not one.fits(replace(fitting, frames=241))
    assert not one.fits(Plan())


def test_ovi_ltx_and_jova_on_one_suite_print_a_plan(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    words = ["run", "--dry-run", "--device", "cuda:0", "--price-per-hour", 2, "--limit", 2, "--metrics", "loudness"]
    models = [word for name in ("ovi", "ltx-2", "jova", "real") for word in ("--model", name)]
    code, out, err = call(capsys, *words, *models)
    assert (code, err, list(tmp_path.iterdir())) == (0, "", [])
    cells = {row[1]: row[2:-1] for line in out.splitlines() if len(row := [c.strip() for c in line.split("|")]) > 5}
    assert cells["ltx-2"] == ["2", "0", "768x512, 121 frames at 24.0 fps, 5.04 s, 24000 Hz", "92.0 GB", "not stated",
                              "65 published (H100 NVL)", "0.0361", "0.07"]  # fmt: skip
    assert (cells["ovi"][3:7], cells["jova"][3]) == (["38.6 GB", "80 GB stated", "unknown", "unknown"], "nothing")
    assert cells["real"][5:] == ["copies files", "0", "0.00"]
    assert "jova-bench baselines setup ovi --weights --accept non-commercial --unpinned" in out
    told = json.loads(call(capsys, *words, *models, "--json").out)
    assert [one["model"] for one in told["models"]] == ["ovi", "ltx-2", "jova", "real"]
    assert told["download_bytes"] == 130_600_000_000


def test_a_price_without_a_dry_run_makes_nothing(capsys, tmp_path):
    for verb in ("run", "generate"):
        answer = call(
            capsys, verb, "--model", "real", "--limit", 1, "--price-per-hour", 2, "--out", tmp_path / "run"
        )  # fmt: skip
        assert (answer.code, answer.out, list(tmp_path.iterdir())) == (2, "", [])
        assert "add --dry-run" in answer.err
