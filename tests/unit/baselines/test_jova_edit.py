"""The models of a suite of edits, from prompts to scores: what is kept is kept, and what cannot be edited is told."""

import json
from dataclasses import replace
from fractions import Fraction
from shutil import copytree

import numpy as np
import pytest
import torch

import jova_bench
from jova.codecs.audio import AudioCodec, AudioCodecConfig
from jova.codecs.video import VideoCodec, VideoCodecConfig
from jova.parts import FILES
from jova_baselines.jova_edit import JovaEditor, bracketed
from jova_baselines.unedited import Unedited
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.media import files as media
from jova_bench.models.registry import create_model
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import load_suite
from support.commands import call
from support.jova_micro import micro

SIZE, FRAMES, RATE_HZ = 32, 9, 16_000
SAMPLES = FRAMES * 640
KINDS = ("speech", "mouth", "picture", "bare", "sound")
KEPT_SOUND, KEPT_PICTURE = {"speech", "mouth", "picture", "bare"}, {"speech", "mouth", "sound"}


def clip(seed):
    """Slopes of colours that move, and noise that is loud in the middle, on the grid of 16 bits."""
    random = np.random.default_rng(seed)
    slopes = np.arange(SIZE)[:, None] * 4 + np.arange(SIZE)[None, :] + 40 * seed
    frames = np.stack([np.stack([slopes + 3 * k, slopes.T, slopes], axis=-1) for k in range(FRAMES)])
    audio = random.normal(0, 1e-4, SAMPLES)
    audio[640:-640] += random.normal(0, 0.1, SAMPLES - 1280)
    return frames.astype(np.uint8), np.rint(audio * 32768).astype(np.float32)[None] / 32768


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder of a model that edits."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    micro(editing=True).save(folder / FILES[0])
    VideoCodec(VideoCodecConfig(3, SIZE, widths=(8, 8, 8), blocks=(1, 1, 1))).save(folder / FILES[1])
    audio = AudioCodec(replace(AudioCodecConfig(), channels=6))
    audio.fit(audio.stacks(0.1 * torch.randn(8, SAMPLES)).flatten(0, 1))
    audio.save(folder / FILES[2])
    return folder


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """An edit of each kind, and a picture without an image."""
    folder = tmp_path_factory.mktemp("suite")
    for seed, name in enumerate(("one", "two")):
        media.write(folder / f"{name}.mp4", clip(seed)[0], Fraction(25), clip(seed)[1], RATE_HZ)
    media.write(folder / "voice.wav", None, Fraction(0), clip(2)[1], RATE_HZ)
    edits = {
        "speech": {"kind": "speech", "clip": "one.mp4", "span_s": [0.28, 0.31], "words": [1, 1]},
        "mouth": {"kind": "mouth", "clip": "one.mp4", "box": [12, 20, 20, 28]},
        "picture": {"kind": "picture"},
        "bare": {"kind": "picture"},
        "sound": {"kind": "sound", "clip": "one.mp4"},
    }
    lines = []
    for name, edit in edits.items():
        line = {"id": name, "video_caption": "red long", "audio_caption": "low calm", "transcript": "place red now"}
        line |= {"edit": edit, "reference": "two.mp4" if name == "speech" else "one.mp4"}
        line |= {"audio": "voice.wav"} if name in ("mouth", "picture", "bare") else {}
        line |= {"image": "one.mp4"} if name == "picture" else {}
        lines.append(json.dumps(line))
    (folder / "prompts.jsonl").write_text("\n".join(lines))
    return load_suite(folder / "prompts.jsonl")


def of(suite, name):
    return next(prompt for prompt in suite.prompts if prompt.id == name)


def go(suite, weights, out, **options):
    models = [JovaEditor("cpu", weights), "unedited", "real"]
    how = {"metrics": ["kept_psnr", "kept_audio"], "profile": "standard", "device": "cpu", "workers": 0} | options
    return jova_bench.run(models, suite, out=out, **how)


def test_a_run_keeps_what_is_given_and_is_resumed(suite, weights, tmp_path):
    go(suite, weights, tmp_path / "run", limit=2)
    first = {path: path.read_bytes() for path in (tmp_path / "run").glob("clips/**/*.mp4")}
    assert len(first) == 6
    go(suite, weights, tmp_path / "run")
    assert {path: path.read_bytes() for path in first} == first
    samples = read_run(tmp_path / "run").samples
    assert {(one.model, one.prompt_id) for one in samples if one.status == "ok"} == {
        (model, name) for model in ("jova-edit", "unedited", "real") for name in KINDS
    }
    assert len(samples) == 15  # nothing was made twice
    found = {(s.model, s.metric, s.prompt_id): s for s in read_run(tmp_path / "run").scores}
    for model in ("jova-edit", "unedited"):
        for name in KINDS:
            sound, picture = found[model, "kept_audio", name], found[model, "kept_psnr", name]
            assert (sound.value if name in KEPT_SOUND else sound.reason) == (
                1.0 if name in KEPT_SOUND else "no sound is kept"
            )
            if name in KEPT_PICTURE:
                assert picture.value > 35, (model, name)
            else:
                assert picture.reason == "no picture is kept"
    assert found["unedited", "kept_psnr", "speech"].value == 100  # the file itself
    assert found["real", "kept_psnr", "sound"].value == 100
    # A real clip of other words is another clip.
    assert found["real", "kept_psnr", "speech"].value < 35
    assert found["real", "kept_audio", "speech"].value < 0.5
    timing = {(one.model, one.prompt_id): one.timing for one in samples}
    assert [timing["jova-edit", name] for name in KINDS] == ["free", "aligned", "aligned", "aligned", "free"]


def test_a_batch_is_what_the_model_itself_makes(suite, weights):
    from jova.editing import dub, edit, picture_for, respeak, sound_for
    from jova.sample import read_image
    from jova.text import Prompt

    model = JovaEditor("cpu", weights)
    source, voice = media.read(suite.root / "one.mp4"), media.read(suite.root / "voice.wav").audio[0]
    text = Prompt("red long", "low calm", "place red now")
    edits = [
        respeak(source.frames, source.audio[0], text._replace(transcript="place [red] now"), 0.28, 0.31),
        dub(source.frames, voice, text, np.float32([12, 20, 20, 28])),
        picture_for(voice, text, read_image(suite.root / "one.mp4", (SIZE, SIZE))),
        picture_for(voice, text),
        sound_for(source.frames, text),
    ]
    direct = edit(model._pipeline, edits, [7] * 5)
    made = list(model.generate(suite.prompts, 7, suite))
    for row, one in enumerate(made):
        assert np.array_equal(one.media.frames, direct.frames[row])
        assert np.array_equal(one.media.audio[0], direct.audio[row])


def test_plans_say_what_is_made(suite, weights):
    model = JovaEditor("cpu", weights)
    assert model.check() is None
    plans = {name: model.plan(of(suite, name), suite) for name in KINDS}
    asked = {
        name: {k: v for k, v in plan.settings.items() if k in ("edit", "span_s", "box")} for name, plan in plans.items()
    }
    assert asked == {
        "speech": {"edit": "speech", "span_s": "0.28 to 0.31"},
        "mouth": {"edit": "mouth", "box": "12,20,20,28"},
        "picture": {"edit": "picture"},
        "bare": {"edit": "picture"},
        "sound": {"edit": "sound"},
    }
    assert [plan.audio for plan in plans.values()] == [None, "driving", "driving", "driving", None]
    assert [plan.settings["image"] for plan in plans.values()] == ["none", "none", "one.mp4", "none", "none"]
    assert plans["speech"].note.startswith("edit speech, span_s 0.28 to 0.31, euler, 25 steps")
    assert model.settings["audio"] == "given where it is kept"
    assert bracketed(of(suite, "speech")) == "place [red] now"


@pytest.mark.parametrize(
    ("words", "brackets"), [((0, 1), "[place] red now"), ((1, 2), "place [red now]"), ((2, 0), "place red [] now")]
)
def test_new_words_stand_in_brackets(suite, words, brackets):
    prompt = of(suite, "speech")
    assert bracketed(prompt.model_copy(update={"edit": prompt.edit.model_copy(update={"words": words})})) == brackets


def changed(suite, name, edit=None, **fields):
    prompt = of(suite, name)
    return prompt.model_copy(update=fields | {"edit": prompt.edit.model_copy(update=edit or {})})


@pytest.fixture(scope="module")
def misfits(suite):
    """Files beside those of the suite that do not fit the model."""
    frames, audio = clip(0)
    media.write(suite.root / "slow.mp4", frames, Fraction(24), audio, RATE_HZ)
    media.write(suite.root / "brief.mp4", frames[:5], Fraction(25), audio[:, :3200], RATE_HZ)
    media.write(suite.root / "mute.mp4", frames, Fraction(25), None, 0)
    media.write(suite.root / "low.wav", None, Fraction(0), audio[:, ::2], 8000)
    media.write(suite.root / "both.wav", None, Fraction(0), np.repeat(audio, 2, axis=0), RATE_HZ)
    media.write(suite.root / "short.wav", None, Fraction(0), audio[:, :-1], RATE_HZ)
    return suite


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("speech", {"transcript": "place green now"}, "got 'green' in the transcript"),
        ("speech", {"edit": {"span_s": (0.2, 0.5)}}, "speech: expected a span that ends after it starts, within 0"),
        ("speech", {"edit": {"span_s": (0.01, 0.3)}}, "expected speech before the span"),
        ("speech", {"edit": {"clip": "mute.mp4"}}, "expected a file with sound for the edit of 'speech'"),
        ("mouth", {"edit": {"box": (40.0, 40.0, 50.0, 50.0)}}, "expected a mouth x0, y0, x1, y1 within 32 x 32 pixels"),
        ("mouth", {"edit": {"clip": "voice.wav"}}, "expected a clip with a picture for the edit of 'mouth'"),
        ("sound", {"edit": {"clip": "slow.mp4"}}, "expected 25 frames/s in the clip of 'sound', got 24"),
        ("sound", {"edit": {"clip": "brief.mp4"}}, r"of shape \(9, 32, 32, 3\), got uint8 of shape \(5, 32, 32, 3\)"),
        ("picture", {"audio": "low.wav"}, "in one channel at 16000 Hz, got 1 at 8000 Hz"),
        ("picture", {"audio": "both.wav"}, "in one channel at 16000 Hz, got 2 at 16000 Hz"),
        ("picture", {"audio": "short.wav"}, r"float32 of shape \(5760,\), got float32 of shape \(5759,\)"),
    ],
)
def test_edits_that_do_not_fit_the_model_are_refused_before_anything_is_made(misfits, weights, name, fields, message):
    with pytest.raises(BenchError, match=message):
        JovaEditor("cpu", weights).plan(changed(misfits, name, **fields), misfits)


def test_prompts_without_edits_are_refused(suite, weights):
    bare = of(suite, "sound").model_copy(update={"edit": None})
    for model in (JovaEditor("cpu", weights), Unedited()):
        assert model.needs == ("edit",)
        with pytest.raises(BenchError, match="expected a prompt with an edit, got prompt 'sound' without one"):
            model.plan(bare, suite)


def test_weights_that_make_whole_clips_say_so_without_being_loaded(weights, tmp_path):
    for name in FILES[1:]:
        (tmp_path / name).symlink_to(weights / name)
    micro().save(tmp_path / FILES[0])
    said = JovaEditor("cpu", tmp_path).check()
    assert "weights that make whole clips only; train with jova-bench train --edit-share" in said
    (tmp_path / FILES[0]).unlink()
    assert "weights missing" in JovaEditor("cpu", tmp_path).check()
    (tmp_path / FILES[1]).rename(tmp_path / FILES[0])  # a codec
    (tmp_path / FILES[1]).touch()
    assert "expected a jova@" in JovaEditor("cpu", tmp_path).check()
    assert create_model("jova-edit", "cpu").name == "jova-edit"


def test_a_command_runs_weights_of_a_user(suite, weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(weights.parent)
    (tmp_path / "my weights").symlink_to(weights)
    words = [
        "generate",
        "--suite",
        suite.root / "prompts.jsonl",
        "--device",
        "cpu",
        "--limit",
        1,
        "--out",
        tmp_path / "run",
    ]
    for given in (weights.name, weights, tmp_path / "my weights"):  # Another path of the same folder is the same model.
        assert call(capsys, *words, "--model", f"jova-edit:{given}", "--workers", 0)[0] == 0
    (sample,) = read_run(tmp_path / "run").samples
    assert sample.model == f"jova-edit-{weights.name}"
    model = JovaEditor("cpu", weights)
    plan = read_run(tmp_path / "run").manifest.models[sample.model].plans["speech"]
    assert plan.weights == model.plan(suite.prompts[0], suite).weights
    # Workers have the folder, wherever they work.
    assert call(capsys, *words, "--model", f"jova-edit:{weights.name}", "--workers", 1, "--seed", 1)[0] == 0
    assert len(read_run(tmp_path / "run").samples) == 2


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-10])


DAMAGE = {
    "no model": (FILES[0], lambda path: path.unlink(), "weights missing: jova-tiny.safetensors in "),
    "no codec": (FILES[1], lambda path: path.unlink(), "weights missing: video-codec.safetensors in "),
    "nothing": (
        FILES[2],
        lambda path: path.write_bytes(b""),
        "expected a jova-audio-codec@1 file, got a damaged one in ",
    ),
    "cut short": (FILES[1], cut_short, "expected a jova-video-codec@2 file, got a damaged one in "),
    "of whole clips": (FILES[0], lambda path: micro().save(path), "expected weights trained for editing, got"),
    "audio-driven": (FILES[0], lambda path: micro(task="audio-driven").save(path), "expected weights of a joint model"),
}


@pytest.mark.parametrize(("file", "damage", "message"), DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("name", ["jova-edit", "jova", "codec"])
def test_a_folder_that_cannot_be_used_ends_the_command(suite, weights, tmp_path, capsys, name, file, damage, message):
    folder = copytree(weights, tmp_path / "mine")
    damage(folder / file)
    words = ["--suite", suite.root / "prompts.jsonl", "--out", tmp_path / "run", "--device", "cpu", "--limit", 1]
    needed = FILES[1:] if name == "codec" else FILES
    if file not in needed or (name != "jova-edit" and "editing" in message):
        assert create_model(f"{name}:{folder}", "cpu").check() is None
        return
    code, out, err = call(capsys, "generate", "--model", f"{name}:{folder}", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"jova-bench: cannot run {shown(f'{name}:{folder}')}: {message}")
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_models_of_any_weights_are_told_apart_by_name(weights, tmp_path):
    for name in ("jova", "jova-image", "jova-bfloat16", "jova-edit", "codec"):
        assert create_model(name, "cpu").name == name
        model = create_model(f"{name}:{weights}", "cpu")
        assert (model.name, model.folder) == (f"{name}-{weights.name}", weights)
    copytree(weights, tmp_path / "my weights")
    assert create_model(f"jova:{tmp_path / 'my weights'}", "cpu").name.startswith("jova-my_weights-")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jova-edit:no/such", "expected jova-edit:DIR with the folder of a training, got 'no/such'"),
        ("jova-edit:", "expected jova-edit:DIR with the folder of a training, got ''"),
        ("real:.", "expected a model that takes a folder of weights, such as jova, got 'real'; leave out the ':'"),
        ("jova-edti:.", "expected the name of a model, got 'jova-edti'; did you mean 'jova-edit'?"),
    ],
)
def test_a_folder_that_no_model_takes_is_refused_before_anything_is_made(suite, tmp_path, capsys, name, message):
    said = call(capsys, "run", "--model", name, "--suite", suite.root / "prompts.jsonl", "--out", tmp_path / "run")
    assert said == (2, "", f"jova-bench: {message}\n")
    assert not (tmp_path / "run").exists()


def test_unedited_is_what_was_given(suite, tmp_path):
    frames = media.read(suite.root / "one.mp4").frames
    voice = media.read(suite.root / "voice.wav").audio
    made = dict(zip(KINDS, Unedited().generate(suite.prompts, 0, suite), strict=True))
    assert made["speech"].media == suite.root / "one.mp4"
    for name in ("mouth", "sound"):
        assert np.array_equal(made[name].media.frames, frames)
    for name in ("mouth", "picture", "bare"):
        assert np.array_equal(made[name].media.audio, voice)
    assert (made["sound"].media.audio == 0).all()
    assert made["sound"].media.audio.shape == (1, SAMPLES)
    assert made["picture"].media.frames.shape == frames.shape
    assert (made["picture"].media.frames == made["picture"].media.frames[0]).all()
    assert np.abs(made["picture"].media.frames[0].astype(int) - frames[0]).max() <= 2
    assert made["bare"].media.frames is None
    timing = [one.timing for one in made.values()]
    assert timing == ["free", "aligned", "aligned", "aligned", "aligned"]
    assert not any(one.timed for one in made.values())
