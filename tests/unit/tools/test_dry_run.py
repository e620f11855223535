"""Plans of runs: what is foreseen of models by hand-made numbers, and what is said to be unknown."""

import json
import re
import shutil
from dataclasses import replace

import pytest

import jova_bench as jb
from jova_bench.assets.table import asset_table
from jova_bench.models.base import Plan
from jova_bench.models.requirements import PublishedSpeed, Requirements, WeightFiles
from jova_bench.suites.card import Card
from jova_bench.tools import dry_run_view as view
from jova_bench.tools.dry_run import devices_of
from jova_bench.tools.planned_run import Devices
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
    lines = "\n".join(view.notes(found, "tiny"))
    assert "film: not ready on this machine: weights missing: all" in lines
    assert "film: unpinned weights: a/free (unpinned)" in lines
    assert "film: time: published 90 s on H100 for 720x720, 121 frames (a paper)" in lines
    assert "besides a/free (unpinned), environment of film, of unknown size" in lines
    small = replace(found, devices=Devices(("cuda:0",), ("RTX 4090",), 24_000_000_000))
    assert "film: memory: 80 GB are more than the 24.0 GB of the smallest device" in list(view.notes(small, "tiny"))
    assert not (tmp_path / "run").exists()
    assert len(found.table()) == 1
    assert found.table().loc["film", "hours"] == found.hours(one)
    json.dumps(found.record(), allow_nan=False)


def test_what_models_of_one_folder_share_is_fetched_once_and_nothing_for_one_that_fits_no_prompt(tmp_path):
    class Idle(Film):
        needs = ("image",)

        def plan(self, prompt, suite):
            raise jb.BenchError("expected an image")

    def film(kind, name, into):
        one = kind(name)
        one.requirements = replace(Film.requirements, weights=tuple(replace(each, into=into) for each in WEIGHTS))
        return one

    models = [film(Film, "a", "x"), film(Film, "b", "x"), film(Film, "c", "y"), film(Idle, "d", "z")]
    assert plan(tmp_path, models).download == (4_000_000_000, ("a/free (unpinned)",) * 2)
    apart = [film(Film, "a", ""), film(Film, "b", "")]  # Of packages that say nothing of where.
    assert plan(tmp_path, apart).download[0] == 4_000_000_000


def test_a_published_time_of_other_clips_is_told_and_not_used(tmp_path):
    film = Film("film")
    film.size = (704, 1280)
    found = plan(tmp_path, [film, Tones("tones")])
    assert [(one.seconds, found.hours(one), found.price(one)) for one in found.models] == [(None, None, None)] * 2
    assert view.rows(found)[-1][7:] == ["at least 0", ""]
    assert [row[8] for row in view.rows(found)[:2]] == ["unknown"] * 2
    assert [row[8] for row in view.rows(replace(found, price_per_hour=None))[:2]] == ["", ""]  # Nobody asked.
    assert "without film, tones" in view.title(found)[-1]
    lines = "\n".join(view.notes(found, "tiny"))
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
    served.asked_for = lambda prompt_id, seed: prompt_id == "p2"
    found = plan(tmp_path, [served])
    assert (found.models[0].to_make, found.price(found.models[0])) == (4, 0.75)
    assert "served: of those to make, 1 clip asked for and paid for already" in view.notes(found, "tiny")


@pytest.mark.parametrize(("workers", "served", "film"), [(None, 4, 2), (0, 1, 1), (1, 1, 1), (40, 40, 2)])
def test_hours_are_those_of_so_many_workers_and_devices(tmp_path, workers, served, film):
    asked = Film("served")
    asked.at_once = 4
    found = plan(tmp_path, [asked, Film("film")], workers=workers)
    assert [found.makers(one) for one in found.models] == [served, film]


def test_what_a_run_would_refuse_its_plan_refuses(tmp_path):
    film = Film("film")
    assert len(plan(tmp_path, [film, film]).models) == 1
    with pytest.raises(jb.BenchError, match="expected models of different names, got 'film' twice"):
        plan(tmp_path, [film, Film("film")])
    with pytest.raises(jb.BenchError, match="expected at least 0 workers, got -1"):
        plan(tmp_path, [film], workers=-1)
    (tmp_path / "file").touch()
    with pytest.raises(jb.BenchError, match="expected a folder that can be written"):
        plan(tmp_path, [film], out=tmp_path / "file" / "run")


def test_a_plan_says_what_is_not_as_the_suites_card_says(tmp_path):
    asked = replace(suite(tmp_path), card=Card(width=832, height=480))
    found = jb.dry_run([Film("film")], asked, out=tmp_path / "run", metrics="loudness")
    assert "film: not as the suite's card says (832x480): 720x720" in view.notes(found, "tiny")


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
    assert "tones: time: measured, 3 clips on" in "\n".join(view.notes(found, "tiny"))
    assert plan(tmp_path, Tones(version=2), device="cpu").models[0].measured is None  # Other settings, other times.
    assert plan(tmp_path, Tones(), device="cuda:0").models[0].measured is None
    shutil.copytree(tmp_path / "pilot", tmp_path / "run")
    again = plan(tmp_path, Tones(), device="cpu", profile="standard")
    assert (again.models[0].to_make, again.models[0].made) == (2, 3)
    assert again.record()["clip_bytes"] == 2 * again.models[0].measured.clip_bytes > 0
    (tmp_path / "pilot/manifest.json").write_text("{")  # A damaged run beside it is no reason to stop.
    (tmp_path / "far").symlink_to("x" * 300)  # Neither is a folder that cannot be looked into.
    assert plan(tmp_path, Tones(), device="cpu", profile="standard").models[0].measured.run == tmp_path / "run"
    # What a run would refuse, its plan refuses in the same words, and what is lost is to be made again.
    for change, model, said in (
        ({"profile": "embedded"}, Tones(), "was made with profile standard, got embedded; give another out="),
        ({"profile": "standard"}, Tones(version=2), "has clips of another version of 'tones': prompt 'p0'"),
        ({"device": "cuda:0", "profile": "standard"}, Tones(), "has clips of 'tones' made on cpu, got cuda:0"),
    ):
        with pytest.raises(jb.BenchError, match=re.escape(said)):
            plan(tmp_path, model, **{"device": "cpu"} | change)
    next((tmp_path / "run/clips").rglob("p0.*")).unlink()
    assert plan(tmp_path, Tones(), device="cpu", profile="standard").models[0].to_make == 3
    (tmp_path / "run/manifest.json").unlink()
    with pytest.raises(jb.BenchError, match=r"expected a run folder, .* has files \('clips'\)"):
        plan(tmp_path, Tones(), device="cpu")


def test_a_published_time_is_no_bound_and_of_other_devices_no_time(tmp_path):
    found = plan(tmp_path, [Film("film"), Tones("tones")])
    assert "Hours: about 0.05 by published times, without tones." in view.title(found)[-1]
    assert view.rows(found)[-1][7:] == ["about 0.05", "about 0.20"]
    (film, _) = found.models
    assert film.batch_size == 2  # One clip keeps one device busy, and so do two.
    for devices, clips, batch, hours in ((8, 1, 1, 90), (8, 2, 2, 180), (8, 9, 1, 180), (2, 9, 2, 6 * 90)):
        many = replace(found, devices=Devices(tuple(f"cuda:{i}" for i in range(devices)), ()))
        assert many.hours(replace(film, to_make=clips, batch_size=batch)) == pytest.approx(hours / 3600)
    other = replace(film, published_here=False)
    assert (other.seconds, found.hours(other), found.price(other)) == (None, None, None)
    lines = "\n".join(view.notes(replace(found, models=(other,)), "my suite.jsonl"))
    assert "time: unknown for these devices; 0.1 device hours if they were like one that was published: 90 s" in lines
    assert f"generate --model film --suite 'my suite.jsonl' --limit 2 --out {tmp_path}/pilot" in lines
    assert view.rows(replace(found, price_per_hour=1e300))[0][8] == "about 1e+299"
    weights = [asset_table().get("synchformer").model_copy(update={"size": size}) for size in (10**9, None)]
    assert "2 files of weights to fetch, at least 1.0 GB" in "\n".join(
        view.notes(replace(found, metric_weights=weights), "tiny")
    )
    told = found.record()
    assert (told["download_unsized"], told["models"][0]["memory_note"]) == (["environment of film"], "a paper")


def test_a_plan_of_models_that_fit_no_prompt_is_refused_as_the_run_is(tmp_path):
    with pytest.raises(jb.BenchError, match="the model 'real': expected prompts with a reference clip"):
        plan(tmp_path, ["real"])
    real, tones = plan(tmp_path, ["real", Tones()]).models
    assert real.why_not.startswith("expected prompts with a reference clip, got none in the suite 'tiny'")
    assert (real.to_make, tones.why_not) == (0, None)


def test_devices_need_not_be_here_but_must_be_devices():
    assert devices_of("cuda:3,cuda:7").names == ("cuda:3", "cuda:7")
    with pytest.raises(jb.BenchError, match="expected device= auto, cpu"):
        devices_of("gpu")
    for wrong in (-1, 1e308):  # A price that is no number is no JSON either.
        with pytest.raises(jb.BenchError, match=re.escape(f"price_per_hour= from 0 to 1e+12, got {wrong!r}")):
            jb.dry_run("real", "embedded", price_per_hour=wrong)


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
                              "65 published (H100 NVL)", "about 0.0361", "about 0.07"]  # fmt: skip
    assert (cells["ovi"][3:7], cells["jova"][3]) == (["38.6 GB", "80 GB stated", "unknown", "unknown"], "nothing")
    assert cells["real"][5:] == ["copies files", "0", "0.00"]
    assert "jova-bench baselines setup ovi --weights --accept non-commercial --unpinned" in out
    told = json.loads(call(capsys, *words, *models, "--json").out)
    assert [one["model"] for one in told["models"]] == ["ovi", "ltx-2", "jova", "real"]
    assert told["download_bytes"] == 130_600_000_000
    plain = ["generate", *words[1:-2], "--model", "jova", "--json"]
    assert json.loads(call(capsys, *plain).out)["models"][0]["model"] == "jova"
    assert call(capsys, "generate", "--model", "jova", "--json").code == 2


def test_a_price_without_a_dry_run_makes_nothing(capsys, tmp_path):
    for verb in ("run", "generate"):
        answer = call(
            capsys, verb, "--model", "real", "--limit", 1, "--price-per-hour", 2, "--out", tmp_path / "run"
        )  # fmt: skip
        assert (answer.code, answer.out, list(tmp_path.iterdir())) == (2, "", [])
        assert "add --dry-run" in answer.err
