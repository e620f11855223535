"""Every fault of a suite that its own text does not show is found before a run: edits, metrics, the reference set."""

import json
from fractions import Fraction

import numpy as np
import pytest

import jova_bench
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from support.commands import call
from support.suite_sources import put

RATE_HZ = 8000
INFO = 'name = "mine"\ndescription = "d"\nprofile = "standard"\nlicence = "CC0-1.0"\n'
SPEECH = {"kind": "speech", "clip": "clip.mp4", "span_s": [0.2, 0.4], "words": [0, 1]}
MOUTH = {"kind": "mouth", "clip": "clip.mp4", "box": [4, 6, 20, 24]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of 10 frames at 25 frames/s, 32 x 24 pixels: 0.4 s."""
    folder = tmp_path_factory.mktemp("given")
    frames = np.random.default_rng(0).integers(0, 255, (10, 24, 32, 3)).astype(np.uint8)
    audio = np.random.default_rng(1).uniform(-0.3, 0.3, (1, 3200)).astype(np.float32)
    media.write(folder / "clip.mp4", frames, Fraction(25), audio, RATE_HZ)
    media.write(folder / "mute.mp4", frames, Fraction(25), None, 0)
    media.write(folder / "voice.wav", None, Fraction(0), audio, RATE_HZ)
    put(folder / "text.mp4", "no film")
    return folder


def line(edit, **fields):
    """A line of a prompt file."""
    plain = {"id": "a", "video_caption": "v", "audio_caption": "a", "transcript": "one two"}
    return json.dumps(plain | {"edit": edit, "audio": "voice.wav"} | fields)


@pytest.mark.parametrize(
    "edit",
    [
        SPEECH,
        SPEECH | {"span_s": [0, 0.4]},
        MOUTH,
        MOUTH | {"box": [0, 0, 32, 24]},
        {"kind": "picture"},
        {"kind": "sound", "clip": "mute.mp4"},
        MOUTH | {"clip": "mute.mp4"},
    ],
)
def test_an_edit_within_its_clip_has_no_fault(capsys, folder, edit):
    assert call(capsys, "suites", "validate", put(folder / "p.jsonl", line(edit)))[0] == 0


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (SPEECH | {"span_s": [0.3, 0.401]}, "span_s: expected a span within the clip, 0 to 0.4 s, got 0.3 to 0.401 s"),
        (SPEECH | {"span_s": [7, 8]}, "span_s: expected a span within the clip, 0 to 0.4 s, got 7 to 8 s"),
        (MOUTH | {"box": [4, 6, 32.5, 24]}, "box: expected a box within the picture, 0, 0, 32, 24, got 4, 6, 32.5, 24"),
        (MOUTH | {"box": [4, 6, 20, 25]}, "box: expected a box within the picture, 0, 0, 32, 24, got 4, 6, 20, 25"),
        (MOUTH | {"box": [90, 90, 99, 99]}, "box: expected a box within the picture, 0, 0, 32, 24, got 90, 90, 99, 99"),
        (SPEECH | {"clip": "mute.mp4"}, "clip: expected a clip with a sound for an edit of kind 'speech'"),
        (MOUTH | {"clip": "voice.wav"}, "clip: expected a clip with a picture for an edit of kind 'mouth'"),
        ({"kind": "sound", "clip": "voice.wav"}, "clip: expected a clip with a picture for an edit of kind 'sound'"),
        ({"kind": "sound", "clip": "text.mp4"}, "clip: cannot decode "),
    ],
)  # fmt: skip
def test_what_only_the_clip_can_show_is_found(capsys, folder, edit, fault):
    path = put(folder / "p.jsonl", f"{line({'kind': 'picture'}, id='b')}\n\n{line(edit)}\n")
    code, out, err = call(capsys, "suites", "validate", path)
    assert (code, out) == (2, "")
    told = err.splitlines()
    assert told[0].startswith(f"jova-bench: {path}:3: edit.{fault}")
    assert told[1] == "jova-bench: 1 faults, 1 good prompts"


@pytest.mark.parametrize("audio", ["mute.mp4", "text.mp4"])
def test_driving_sound_must_be_there(capsys, folder, audio):
    for edit in ({"kind": "picture"}, MOUTH):
        err = call(capsys, "suites", "validate", put(folder / "p.jsonl", line(edit, audio=audio)))[2]
        assert "1: audio: expected a file with sound" in err or "1: audio: cannot decode" in err


@pytest.mark.parametrize(
    ("more", "faults"),
    [
        ('metrics = ["kept_psrn"]', ["metrics: expected the name of a metric, got 'kept_psrn'"]),
        ('metrics = ["kept_psnr", "lse_x", "@moova"]', ["metrics: expected the name of a metric", "metrics: "]),
        ('metrics = ["prompt_hair"]', ["metrics: expected a metric of the standard profile, got 'prompt_hair'"]),
        ('reference_set = "real"', ["reference_set: expected a folder of real clips, got "]),
        ('reference_set = "../real"', ["reference_set: expected a path inside "]),
        ('metrics = ["wre"]\nreference_set = "a"', ["metrics: ", "reference_set: "]),
    ],
)  # fmt: skip
def test_what_a_suite_names_and_is_not_there_is_found_with_its_file(capsys, tmp_path, more, faults):
    put(
        tmp_path / "prompts.jsonl",
        json.dumps({"id": "a", "video_caption": "v", "audio_caption": "a", "transcript": "t"}),
    )
    info = put(tmp_path / "suite.toml", INFO + more)
    code, out, err = call(capsys, "suites", "validate", tmp_path)
    assert (code, out) == (2, "")
    told = err.splitlines()
    assert len(told) == len(faults) + 1
    for said, fault in zip(told, faults, strict=False):
        assert said.startswith(f"jova-bench: {info}: {fault}")


def test_a_run_says_which_file_names_a_metric_that_is_not_there(folder, tmp_path):
    put(folder / "prompts.jsonl", line({"kind": "picture"}))
    info = put(folder / "suite.toml", INFO + 'metrics = ["kept_psrn"]')
    options = {"profile": "standard", "device": "cpu", "workers": 0, "out": tmp_path / "run"}
    with pytest.raises(BenchError) as told:
        jova_bench.run("unedited", folder, **options)
    assert str(told.value).startswith(f"{info}: metrics: expected the name of a metric, got 'kept_psrn'; did you mean")
    assert not (tmp_path / "run").exists()
    with pytest.raises(BenchError, match=r"^expected the name of a metric, got 'wre'"):  # the command's own mistake
        jova_bench.run("unedited", folder, metrics="wre", **options)
    assert jova_bench.run("unedited", folder, metrics="loudness", **options).summary  # it asks for none of the suite's
