"""Plans of LatentSync against numbers of its own code, and its worker on a fake of it."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from jova_baselines.external import home
from jova_baselines.external.inputs import DrivingAudio
from jova_baselines.external.manifest import load, package
from jova_baselines.latentsync.plan import FACE_HEIGHT, FACE_WIDTH, PART, upstream_frames
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import film as film_of
from support.asked import planned as planned_by
from support.asked import prompt, suite_of
from support.fake_upstreams import FAKES, calls, installed
from support.spoken_prompts import sample

UPSTREAM = upstream_api.facts("latentsync")
FACTS = UPSTREAM["facts"]
PIPELINE = "latentsync/pipelines/lipsync_pipeline.py"
RATE_HZ = 24_000


def planned(seconds=2.0, film=(50, 25), size=(96, 128), film_origin="reference", **changes):
    """A plan for so many seconds of sound and a film of so many frames at so many a second."""
    return planned_by("latentsync", seconds, video=film_of(*film, size, film_origin), **changes)


def dubs(folder, *names, seconds=1.0, film_s=0.4, own=True):
    """A prompt for each name of a real clip: a film, and driving sound beside it or else in it."""
    folder.mkdir()
    voice = np.random.default_rng(0).uniform(-0.5, 0.5, (1, round(seconds * RATE_HZ))).astype(np.float32)
    media.write(folder / "voice.wav", None, Fraction(0), voice, RATE_HZ)
    frames = np.zeros((round(film_s * 25), 96, 64, 3), np.uint8)
    frames[:] = 8 * np.arange(len(frames), dtype=np.uint8)[:, None, None, None]
    for name in names:
        media.write(folder / f"{name}.mp4", frames, Fraction(25), voice, RATE_HZ)
    files = {"audio_caption": ""} | ({"audio": "voice.wav"} if own else {})
    prompts = [prompt("good day", id=f"p{k}", reference=f"{name}.mp4", **files) for k, name in enumerate(names)]
    return suite_of(*prompts, folder=folder)


@pytest.mark.parametrize(("samples", "frames"), FACTS["frames"])
def test_lengths_are_upstreams(samples, frames):
    assert upstream_frames(samples / 16_000, Fraction(25)) == frames
    # There is always more than is kept.
    assert DrivingAudio(None, samples / 16_000, 16_000, "prompt").frames(Fraction(25)) < frames


def test_options_are_of_upstreams_own_command():
    manifest, command = load("latentsync"), FACTS["command"]
    assert dict(manifest.options) == {name: command[name] for name in ("steps", "guidance", "deep_cache")}
    defaults = {
        one["name"]: one["default"]
        for one in UPSTREAM["functions"][f"{PIPELINE}:LipsyncPipeline.__call__"]
        if "default" in one
    }
    assert (manifest.options["steps"], manifest.options["guidance"]) == (
        defaults["num_inference_steps"], defaults["guidance_scale"],
    )  # fmt: skip
    assert manifest.fps == defaults["video_fps"] == FACTS["fps"]
    assert defaults["num_frames"] == FACTS["together"] == PART
    assert FACTS["smallest_face"] == [FACE_WIDTH, FACE_HEIGHT]
    assert (manifest.memory.gpu_gb, list(manifest.weights[0].files)) == (FACTS["gpu_gb"], FACTS["weights"])


def test_the_worker_misspells_nothing_and_takes_the_frames_where_upstream_has_them():
    source = (package("latentsync") / "worker.py").read_text()
    assert f'"{FACTS["command"]["config"]}"' in source
    # Upstream's pipeline takes any argument and ignores those that it does not know.
    known = {one["name"] for one in UPSTREAM["functions"][f"{PIPELINE}:LipsyncPipeline.__call__"]}
    ((positional, named),) = upstream_api.calls(source, "pipe")
    assert positional == 0
    assert set(named) <= known
    fake = upstream_api.signature((FAKES / "latentsync" / PIPELINE).read_text(), "LipsyncPipeline.restore_video")
    assert [one["name"] for one in fake] == FACTS["restore_video"]


def test_a_dub_is_as_long_as_its_sound_and_as_large_as_its_film():
    job = planned(seconds=2.0)
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (50, 25, 96, 128, None)
    # 52 frames are four parts of at most 16, each 20 steps with and without the sound.
    assert (job.function_evals, job.note) == (160, "")
    assert planned(seconds=2.0, guidance=1.0).function_evals == 80
    assert planned(seconds=2.01).frames == 51
    assert planned(steps=30).digest != planned().digest


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"film": (125, 25)}, "the last 3.00 s of the film are left out"),
        ({"film": (25, 25)}, "the film of 1.00 s runs to and fro"),
        ({"film": (60, 30)}, "upstream brings the film from 30 to 25 frames per second"),
        ({"origin": "reference"}, "the film already moves its mouth to this sound"),
        ({"origin": "reference", "film_origin": "stage"}, ""),
        (
            {"film": (15, 30), "origin": "reference"},
            "the film of 0.50 s runs to and fro; upstream brings the film from 30 to 25 frames per second; "
            "the film already moves its mouth to this sound",
        ),
    ],
)
def test_a_plan_says_what_becomes_of_the_film(change, note):
    assert planned(**change).note == note


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seconds": 0.04}, "expected driving sound of 2 to 1500 frames at 25 per second, got 0.04 s"),
        ({"seconds": 60.01}, "got 60.01 s"),
        ({"size": (78, 128)}, "even sides and at least 50x80, the smallest face that upstream sees, got 128x78"),
        ({"size": (96, 48)}, "got 48x96"),
        ({"size": (97, 128)}, "got 128x97"),
        ({"size": (96, 127)}, "got 127x96"),
        ({"steps": 0}, "expected steps and guidance of at least 1, got 0 and 1.5"),
        ({"guidance": 0.5}, "got 20 and 0.5"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**change)


def test_film_and_sound_and_whose_they_are(tmp_path):
    model, asked = create_model("latentsync", "cuda"), dubs(tmp_path / "own", "real")
    assert model.needs == ("audio", "reference")
    note = model.plan(asked.prompts[0], asked).note
    assert "driven by the sound of the prompt; picture of the real clip" in note
    assert "already moves" not in note
    plan = model.plan(asked.prompts[0].model_copy(update={"audio": None}), asked)
    assert (plan.audio, plan.sample_rate_hz, plan.frames) == ("driving", RATE_HZ, 25)
    assert "the film already moves its mouth to this sound; driven by the sound of the real clip" in plan.note
    with pytest.raises(BenchError, match="a prompt with video, its reference clip, got 'p0' without"):
        model.plan(asked.prompts[0].model_copy(update={"reference": None}), asked)
    assert model.settings["inputs"] == {"audio": "of the prompt, else of its real clip", "video": "of the real clip"}
    assert (model.settings["audio"], model.settings["prompt_renderer"]) == ("driving", "nothing")
    assert model.settings["ignored"] == ["video_caption", "audio_caption", "transcript", "image"]


def test_each_sample_has_a_place_of_its_own_and_frames_that_were_never_encoded(tmp_path, monkeypatch):
    # It imports torch, which takes its time on a busy machine.
    baseline = installed("latentsync", tmp_path / "assets", monkeypatch, start_timeout_s=1800)
    checkout = home.of(baseline.manifest).checkout
    (checkout / "temp").mkdir()
    (checkout / "temp" / "kept").touch()
    asked = dubs(tmp_path / "own", "a film; [noise] $(x) 'y'", "[raise]", "[no face]", "real", "[nothing]")
    try:
        first, frames, sound = sample(baseline, asked, 0, seed=1)
        with pytest.raises(BenchError, match="ValueError: the prompt is too strange"):
            sample(baseline, asked, 1, seed=1)
        with pytest.raises(BenchError, match="RuntimeError: Face not detected"):
            sample(baseline, asked, 2, seed=1)
        with pytest.raises(BenchError, match="pasted no faces into the film"):  # the first sample's are no answer
            sample(baseline, asked, 4, seed=1)
        _, same, _ = sample(baseline, asked, 3, seed=1)
        _, others, _ = sample(baseline, asked, 3, seed=2)
    finally:
        baseline.close()
    # Upstream made 27; the film of ten frames ran to and fro.
    assert frames.shape == (25, 96, 64, 3)
    film = media.read(tmp_path / "own" / "real.mp4").frames
    there_and_back = [*range(10), *range(9, -1, -1), *range(5)]
    assert np.array_equal(frames[:, :88], film[there_and_back, :88])
    assert np.array_equal(frames, same)
    # The noise is of the seed.
    assert not np.array_equal(frames, others)
    assert np.array_equal(sound, media.read(tmp_path / "own" / "voice.wav").audio)
    assert (first.media.fps, first.media.sample_rate_hz, first.function_evals) == (Fraction(25), RATE_HZ, 80)
    assert first.timing == "free"
    log = calls(baseline)
    made_ones = ["pipe", "made", "pipe", "pipe", "pipe", "pipe", "made", "pipe", "made"]
    assert [one["call"] for one in log] == ["unet", "scheduler", "precision", "load", "cache", *made_ones]
    assert len({one["pid"] for one in log}) == 1
    assert log[3] | {"scale": 0.18215, "shift": 0} == log[3]
    assert log[4] | {"interval": 3, "branch": 0} == log[4]
    told = {"steps": 20, "guidance": 1.5, "size": [512, 512], "part": 16, "mask": "a mask\n"}
    assert log[5] | told == log[5]
    places = [Path(one["here"]) for one in log if one["call"] == "pipe"]
    assert len(set(places)) == 6
    assert not any(place.is_relative_to(checkout) for place in places)
    assert (checkout / "temp" / "kept").is_file()


def test_a_dub_of_the_real_clip_by_its_own_sound_is_in_step_with_it(tmp_path, monkeypatch):
    baseline = installed("latentsync", tmp_path / "assets", monkeypatch, start_timeout_s=1800)
    baseline.options = {**baseline.options, "deep_cache": False}
    asked = dubs(tmp_path / "own", "real", film_s=1.0, own=False)
    try:
        made_one, frames, sound = sample(baseline, asked, seed=1)
    finally:
        baseline.close()
    assert (made_one.timing, len(frames)) == ("aligned", 25)
    assert np.array_equal(sound, media.read(tmp_path / "own" / "real.mp4").audio)
    assert "cache" not in [one["call"] for one in calls(baseline)]
