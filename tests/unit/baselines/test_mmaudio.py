"""Plans of MMAudio against numbers of its own code, and its worker on a fake of it."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from jova_baselines.external import home
from jova_baselines.external.client import Worker, WorkerResult
from jova_baselines.external.foley import kept
from jova_baselines.external.manifest import load
from jova_baselines.mmaudio.plan import CLIP_FPS, HIGH, LOW, SEGMENT, SYNC_FPS, VARIANTS, read, samples
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from support import upstream_api
from support.asked import film, prompt, suite_of
from support.asked import planned as planned_by
from support.fake_upstreams import calls, installed
from support.spoken_prompts import sample

UPSTREAM = upstream_api.facts("mmaudio")
FACTS, SCRIPT = UPSTREAM["facts"], UPSTREAM["scripts"]["demo.py"]


def planned(video=None, audio_caption="footsteps on gravel", **options):
    return planned_by("mmaudio", video=video or film(), audio_caption=audio_caption, **options)


def films(folder, *captions, frames=30, fps=25, start_s=0.0):
    """A prompt for each caption of sound, with a real clip that is silent."""
    folder.mkdir()
    picture = np.zeros((frames, 48, 64, 3), np.uint8)
    picture[:] = 8 * np.arange(frames, dtype=np.uint8)[:, None, None, None]
    media.write(folder / "real.mp4", picture, Fraction(fps), None, 0)
    said = {"video_caption": "a man walks", "reference": "real.mp4"}
    prompts = [prompt("", id=f"p{k}", audio_caption=one, **said) for k, one in enumerate(captions)]
    return suite_of(*prompts, folder=folder)


@pytest.mark.parametrize(("frames", "fps", "clip", "sync", "seconds", "low", "high"), FACTS["reads"])
def test_what_is_read_of_a_film_and_the_sound_that_it_gets_are_upstreams(frames, fps, clip, sync, seconds, low, high):
    one = film(frames, fps)
    assert (kept(one, CLIP_FPS), kept(one, SYNC_FPS)) == (clip, sync)
    assert read(one) == seconds
    assert (samples(seconds, LOW), samples(seconds, HIGH)) == (low, high)


def test_options_are_upstreams():
    manifest = load("mmaudio")
    flags = {
        "variant": "--variant",
        "steps": "--num_steps",
        "cfg": "--cfg_strength",
        "negative_prompt": "--negative_prompt",
    }
    same = {name: SCRIPT[flag]["default"] for name, flag in flags.items()}
    assert dict(manifest.options) == {**same, "full_precision": False}
    assert SCRIPT["--full_precision"] == {"action": "store_true"}
    assert {name: one.sample_rate_hz for name, one in VARIANTS.items()} == FACTS["variants"]
    assert (FACTS["clip_fps"], FACTS["sync_fps"], FACTS["segment"]) == (CLIP_FPS, SYNC_FPS, SEGMENT)
    assert (manifest.memory.gpu_gb, manifest.limits.prompt_words) == (FACTS["gpu_gb"], FACTS["tokens"] - 2)


def test_every_file_is_the_one_that_upstream_means():
    weights = load("mmaudio").weights
    assert {one.files[0]: one.md5 for one in weights if one.url} == FACTS["files"]
    assert [one.hub for one in weights if one.by_name] == FACTS["by_name"]


def test_sound_is_as_long_as_the_film_or_as_what_is_read_of_it():
    job = planned()
    assert (job.frames, job.fps, job.height, job.width, job.sample_rate_hz) == (121, 24, 96, 128, 44_100)
    # Of 121 frames upstream reads 5.0 s: 216 latents of 1024 samples are 5.0155 s of 5.0417 s.
    assert (job.function_evals, job.note) == (50, "the sound ends 0.026 s before the picture")
    assert (job.arguments["prompt"], job.arguments["seconds"]) == ("footsteps on gravel.", pytest.approx(121 / 24))
    assert planned(film(200, 50)).note == ""
    assert planned(cfg=FACTS["unguided_below"]).function_evals == 50
    assert planned(cfg=0.5).function_evals == 25
    assert planned(variant="small_16k").sample_rate_hz == 16_000
    assert planned(audio_caption="").arguments["prompt"] == ""
    assert planned(steps=30).digest != planned().digest


@pytest.mark.parametrize(
    ("video", "options", "message"),
    [
        # Upstream reads 5 / 8 s of it, and Synchformer wants 0.64 s.
        (film(16, 25), {}, r"MMAudio reads at least 0\.64 s, got 0\.64 s"),
        (film(15, 24), {}, r"got 0\.62 s"),
        (film(1501, 25), {}, "at most 1500 frames, got 1501"),
        (film(size=(97, 128)), {}, "even sides, got 128x97"),
        (film(size=(96, 127)), {}, "even sides, got 127x96"),
        (film(), {"variant": "large"}, "expected a variant of MMAudio, got 'large'"),
        (film(), {"steps": 0}, "at least 1 step, got 0"),
        (film(), {"audio_caption": "a " * 76}, "at most 75 words, got 76"),
    ],
)
def test_what_it_cannot_do_is_refused(video, options, message):
    with pytest.raises(BenchError, match=message):
        planned(video, **options)


def test_the_shortest_films_have_a_segment():
    assert [one.frames for one in (planned(film(16, 24)), planned(film(17, 25)), planned(film(6, 8)))] == [16, 17, 6]


def test_whose_film_it_is_and_what_is_not_read(tmp_path):
    model, asked = create_model("mmaudio", "cuda"), films(tmp_path / "own", "rain")
    assert model.needs == ("reference",)
    plan = model.plan(asked.prompts[0], asked)
    assert (plan.audio, plan.sample_rate_hz, plan.frames, plan.fps) == ("generated", 44_100, 30, 25.0)
    assert "picture of the real clip" in plan.note
    with pytest.raises(BenchError, match="a prompt with video, its reference clip, got 'p0' without"):
        model.plan(asked.prompts[0].model_copy(update={"reference": None}), asked)
    assert (model.settings["inputs"], model.settings["seconds_asked"]) == (
        {"video": "of the real clip"},
        "of the real clip",
    )
    assert model.settings["ignored"] == ["video_caption", "transcript", "image", "audio"]


def test_one_load_serves_films_of_all_lengths_whose_frames_stay_what_they_were(tmp_path, monkeypatch):
    # It imports torch, which takes its time on a busy machine.
    baseline = installed("mmaudio", tmp_path / "assets", monkeypatch, start_timeout_s=1800)
    torch_file(home.of(baseline.manifest).weights / "weights" / "mmaudio_large_44k_v2.pth")
    asked = films(tmp_path / "own", "rain [noise]", "[raise]", "rain", "[mute]")
    long = films(tmp_path / "long", "wind", frames=200, fps=50)
    try:
        first, frames, sound = sample(baseline, asked, 0, seed=1)
        with pytest.raises(BenchError, match="ValueError: the prompt is too strange"):
            sample(baseline, asked, 1, seed=1)
        _, _, same = sample(baseline, asked, 2, seed=1)
        _, _, other = sample(baseline, asked, 2, seed=2)
        _, most, late = sample(baseline, long, seed=1)
        without, _, _ = sample(baseline, asked, 3, seed=1)
    finally:
        baseline.close()
    real = media.read(tmp_path / "own" / "real.mp4")
    assert np.array_equal(frames, real.frames)
    assert (first.media.fps, first.media.sample_rate_hz, first.function_evals) == (Fraction(25), 44_100, 50)
    assert first.timing == "free"
    # Of 1.2 s upstream reads 1.16 s and makes 50 latents; of 4 s it reads all, and what it makes beyond is cut.
    assert sound.shape == (1, 51_200)
    assert np.array_equal(sound, same)
    assert not np.array_equal(sound, other)
    assert (len(most), late.shape) == (200, (1, 4 * 44_100))
    # Without sound it is a clip that breaks its plan.
    assert without.media.audio is None
    log = calls(baseline)
    assert [one["call"] for one in log] == ["load", "to"] + ["film", "generate"] * 6
    assert len({one["pid"] for one in log}) == 1
    assert log[1] | {"device": "cpu", "dtype": "torch.bfloat16"} == log[1]
    assert [log[k]["lengths"] for k in (3, 11)] == [[50, 9, 16], [173, 32, 88]]
    assert [log[k]["read"] for k in (2, 10)] == [1.16, 4.0]
    told = {"prompt": "rain [noise].", "negative": "", "steps": 25, "cfg": 4.5}
    assert log[3] | told == log[3]


def test_a_film_that_begins_late_in_its_file_is_shown_from_its_first_frame(tmp_path, monkeypatch):
    """Upstream goes by the times in a file: sound would come late by as much."""
    baseline = installed("mmaudio", tmp_path / "assets", monkeypatch)
    asked = films(tmp_path / "own", "rain")
    late(tmp_path / "own" / "real.mp4", tmp_path / "own" / "late.mp4", seconds=0.4)
    inputs, job = baseline.request(asked.prompts[0].model_copy(update={"reference": "late.mp4"}), asked)
    shown = []
    answer = WorkerResult({}, 1.0, 0.0)
    monkeypatch.setattr(Worker, "generate", lambda _, arguments, *rest: shown.append(arguments["video"]) or answer)
    baseline.make(inputs, job, 0, tmp_path)
    assert shown == [str(tmp_path / "film.mp4")]
    assert [round(times(path)[0], 3) for path in (inputs.video.path, tmp_path / "film.mp4")] == [0.4, 0.0]
    assert len(times(tmp_path / "film.mp4")) == inputs.video.frames == 30
    # What a model before it made is such a film already.
    (tmp_path / "again").mkdir()
    baseline.make(replace(inputs, video=replace(inputs.video, origin="stage")), job, 0, tmp_path / "again")
    assert shown[1] == str(inputs.video.path.resolve())


def late(path, target, seconds):
    """The same film, so much later in its file."""
    with av.open(str(path)) as source, av.open(str(target), "w") as into:
        stream = source.streams.video[0]
        copy = into.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts += round(seconds / stream.time_base)
                packet.dts += round(seconds / stream.time_base)
                packet.stream = copy
                into.mux(packet)


def times(path):
    """Of the frames of a film."""
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def torch_file(path):
    """Weights that torch reads without running any code."""
    import torch

    torch.save({"a": 1}, path)
