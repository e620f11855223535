"""Plans of MuseTalk against numbers of its own code, and its worker on a fake of it."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import jova_bench
from jova_baselines.external import home
from jova_baselines.external.manifest import load, package
from jova_baselines.musetalk.plan import MODES, MOST_FPS, heard
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from jova_bench.runs import provenance
from jova_bench.runs.store import read_run
from support import upstream_api
from support.asked import film as film_of
from support.asked import planned as planned_by
from support.asked import prompt, suite_of
from support.fake_upstreams import calls, impatient, installed
from support.made_runs import origin
from support.spoken_prompts import sample

STORED = upstream_api.facts("musetalk")
FACTS, SCRIPT = STORED["facts"], STORED["scripts"]["scripts/inference.py"]
RATE_HZ = 24_000
FFMPEG = """
import sys
from pathlib import Path
from PIL import Image
from jova_bench.media import files as media
video, pattern = Path(sys.argv[sys.argv.index("-i") + 1]), Path(sys.argv[-1])
assert sys.stdin.read() == ""
most = int(sys.argv[sys.argv.index("-frames:v") + 1])
for k, picture in enumerate(media.read(video).frames[:most]):
    Image.fromarray(picture).save(pattern.with_name(pattern.name % k))
pattern.with_name("orders.txt").write_text(video.stem)
"""


def planned(seconds=2.0, film=(50, 25), size=(96, 128), film_origin="reference", **changes):
    """A plan for so many seconds of sound and a film of so many frames at so many a second."""
    return planned_by("musetalk", seconds, video=film_of(*film, size, film_origin), **changes)


def dubs(folder, *names, seconds=1.0, film_s=0.4):
    """A prompt for each name of a real clip: a film of pictures of one shade each, and driving sound beside it."""
    folder.mkdir()
    voice = np.random.default_rng(0).uniform(-0.5, 0.5, (1, round(seconds * RATE_HZ))).astype(np.float32)
    media.write(folder / "voice.wav", None, Fraction(0), voice, RATE_HZ)
    frames = np.zeros((round(film_s * 25), 96, 64, 3), np.uint8)
    frames[:] = 40 + 16 * np.arange(len(frames), dtype=np.uint8)[:, None, None, None]
    for name in names:
        media.write(folder / f"{name}.mp4", frames, Fraction(25), voice, RATE_HZ)
    files = {"audio_caption": "", "audio": "voice.wav"}
    prompts = [prompt("good day", id=f"p{k}", reference=f"{name}.mp4", **files) for k, name in enumerate(names)]
    return suite_of(*prompts, folder=folder)


@pytest.fixture
def baseline(tmp_path, monkeypatch):
    """MuseTalk with a program in ffmpeg's place."""
    monkeypatch.setattr(provenance, "collect", lambda *_: origin("0"))  # Asks git and every package: slow, and tested.
    made = installed("musetalk", tmp_path / "assets", monkeypatch)
    program = home.of(made.manifest).python.with_name("ffmpeg")
    program.write_text(f"#!{sys.executable}\n{FFMPEG}")
    program.chmod(0o755)
    monkeypatch.setattr(made, "check", lambda: None)  # That program is on the worker's path alone.
    yield made
    made.close()


@pytest.mark.parametrize(("samples", "fps", "frames"), FACTS["frames"])
def test_lengths_are_upstreams_and_it_exits_beyond_a_rate(samples, fps, frames):
    if frames is None:
        assert fps > MOST_FPS
    else:
        assert heard(samples / 16_000, fps) == frames


@pytest.mark.parametrize(("samples", "fps", "frames"), FACTS["drift"])
def test_at_other_rates_upstream_drifts(samples, fps, frames):
    assert heard(samples / 16_000, int(fps)) == frames
    if samples >= 160_000:
        assert samples / 16_000 - frames / fps > 0.3


def test_options_are_of_upstreams_own_command():
    manifest = load("musetalk")
    flags = {
        "margin": "--extra_margin", "parsing": "--parsing_mode", "left_cheek": "--left_cheek_width",
        "right_cheek": "--right_cheek_width", "batch": "--batch_size",
    }  # fmt: skip
    same = {name: SCRIPT[flag]["default"] for name, flag in flags.items()}
    assert dict(manifest.options) == {**same, "half": False}
    assert SCRIPT["--use_float16"] == {"action": "store_true"}
    assert SCRIPT["--version"]["default"] == "v15"
    hearing = STORED["functions"]["musetalk/utils/audio_processor.py:AudioProcessor.get_whisper_chunk"]
    for name in ("audio_padding_length_left", "audio_padding_length_right"):
        assert {"name": name, "default": SCRIPT[f"--{name}"]["default"]} in hearing
    wanted = {name for one in manifest.weights for name in one.files}
    assert {*FACTS["weights"]} <= wanted
    assert {*FACTS["others"]} <= {Path(name).name for name in wanted}
    assert all(one.pinned for one in manifest.weights)
    steps = {argument for step in manifest.environment.pip for argument in step}
    assert {*FACTS["packages"], f"torch=={FACTS['torch']}"} <= steps
    assert f"SIDE = {FACTS['face']}" in (package("musetalk") / "worker.py").read_text()


def test_a_dub_is_as_long_as_its_sound_and_as_large_and_fast_as_its_film():
    job = planned(seconds=2.0)
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (50, 25, 96, 128, None)
    assert (job.function_evals, job.note) == (7, "")
    assert planned(seconds=2.0, batch=50).function_evals == 1
    assert planned(seconds=2.0, film=(60, 30)).frames == 60
    assert planned(margin=0).digest != planned().digest
    assert [planned(parsing=mode).arguments["parsing"] for mode in MODES] == list(MODES)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"film": (125, 25)}, "the last 3.00 s of the film are left out"),
        ({"film": (25, 25)}, "the film of 1.00 s runs to and fro"),
        ({"film": (60, 30)}, "upstream was trained at 25 frames per second, the film has 30"),
        ({"seconds": 2.03}, "the last 0.03 s of the sound are cut"),
        ({"origin": "reference"}, "the film already moves its mouth to this sound"),
    ],
)
def test_a_plan_says_what_becomes_of_film_and_sound(change, note):
    assert planned(**change).note == note


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"film": (60, Fraction(30_000, 1001))}, "at most 49, got 29.97; convert it to 25, as upstream advises"),
        ({"film": (100, 50)}, "a whole number of frames per second, at most 49, got 50"),
        ({"seconds": 0.039}, "expected driving sound of 1 to 1500 frames at 25 per second, got 0.039 s"),
        ({"seconds": 60.05}, "got 60.05 s"),
        ({"size": (97, 128)}, "a film of even sides, got 128x97"),
        ({"size": (96, 127)}, "got 127x96"),
        ({"parsing": "chin"}, "expected a mode of parsing, got 'chin'"),
        ({"batch": 0}, "got 0 and 10"),
        ({"margin": -1}, "got 8 and -1"),
    ],
)
def test_what_it_cannot_do_is_refused(change, message):
    with pytest.raises(BenchError, match=message):
        planned(**change)


def test_film_and_sound_and_whose_they_are(tmp_path):
    model, asked = create_model("musetalk", "cuda"), dubs(tmp_path / "own", "real")
    assert model.needs == ("audio", "reference")
    plan = model.plan(asked.prompts[0], asked)
    assert (plan.audio, plan.sample_rate_hz, plan.frames, plan.fps) == ("driving", RATE_HZ, 25, 25.0)
    assert "driven by the sound of the prompt; picture of the real clip" in plan.note
    with pytest.raises(BenchError, match="a prompt with video, its reference clip, got 'p0' without"):
        model.plan(asked.prompts[0].model_copy(update={"reference": None}), asked)
    assert model.settings["ignored"] == ["video_caption", "audio_caption", "transcript", "image"]


def test_each_frame_is_a_picture_of_the_film_with_the_mouth_of_its_sound(tmp_path, baseline):
    checkout = home.of(baseline.manifest).checkout
    asked = dubs(tmp_path / "own", "a film; [noise] $(x) 'y'", "[no face]", "real")
    first, frames, sound = sample(baseline, asked, 0, seed=1)
    with pytest.raises(BenchError, match="RuntimeError: MuseTalk found no face in picture 1 of the film"):
        sample(baseline, asked, 1, seed=1)
    _, same, _ = sample(baseline, asked, 2, seed=1)
    _, others, _ = sample(baseline, asked, 2, seed=2)
    assert (frames.shape, first.media.fps, first.function_evals) == ((25, 96, 64, 3), Fraction(25), 4)
    there_and_back = [*range(10), *range(9, -1, -1), *range(5)]
    film = media.read(tmp_path / "own" / "real.mp4").frames[there_and_back]
    inside = np.zeros((96, 64), bool)
    inside[20:70, 16:48] = True
    assert np.array_equal(frames[:, ~inside], film[:, ~inside])
    noise, number, shade = np.moveaxis(frames[:, inside], 2, 0)
    assert (number == np.arange(25)[:, None]).all()
    assert np.abs(shade - film[:, 0, 0, 2].astype(int)[:, None]).max() <= 2
    # A picture is looked at once, with the seed's noise.
    assert np.array_equal(noise[:10], noise[19:9:-1])
    assert np.array_equal(frames, same)
    assert not np.array_equal(frames, others)
    assert np.array_equal(sound, media.read(tmp_path / "own" / "voice.wav").audio)
    log = calls(baseline)
    one = ["boxes", *["unet"] * 4, *["paste"] * 25]
    assert [each["call"] for each in log] == ["load", "whisper", "parsing", *one, "boxes", *one, *one]
    assert log[0]["device"] == "the device cpu"
    assert log[1] | {"device": "the device cpu", "dtype": "float32"} == log[1]
    assert log[2]["cheeks"] == [90, 90]
    assert [each["together"] for each in log if each["call"] == "unet"][:4] == [8, 8, 8, 1]
    assert log[8] | {"mode": "jaw", "bottom": 70} == log[8]
    # It stood beside links, not in its checkout, which is as it was.
    assert Path(log[0]["here"]) != checkout
    assert not (checkout / "models").exists()


def test_of_a_long_film_the_rest_is_not_looked_at_and_a_mouth_ends_with_its_picture(tmp_path, baseline):
    baseline.options = {**baseline.options, "margin": 100, "half": True, "parsing": "neck"}
    asked = dubs(tmp_path / "own", "real", seconds=0.2)
    _, frames, _ = sample(baseline, asked, seed=1)
    log = {one["call"]: one for one in calls(baseline)}
    assert (len(frames), log["boxes"]["pictures"], log["boxes"]["shift"]) == (5, 5, 0)
    assert (log["paste"]["bottom"], log["paste"]["mode"], log["whisper"]["dtype"]) == (96, "neck", "float16")


def test_samples_of_one_load_each_have_their_fate(tmp_path, baseline, monkeypatch):
    impatient(monkeypatch)
    asked = dubs(tmp_path / "own", "real", "[raise]", "[leave] [hang]", "[eat]", seconds=0.4)
    jova_bench.run([baseline], asked, profile="standard", seeds=(1,), out=tmp_path / "run", scoring=False)
    fates = [one.reason or one.status for one in read_run(tmp_path / "run").samples]
    assert [fates[k] for k in (0, 1, 3)] == ["ok", "ValueError: the prompt is too strange", "ok"]
    assert fates[2].startswith("no answer within 0.5 s")
    # Loaded at first, and after the hang.
    assert [one["call"] for one in calls(baseline)].count("load") == 2
