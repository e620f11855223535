"""Trained alternatives, with models too small to speak, in a folder as a sweep leaves it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from jova_micro import PROMPTS, micro

from baselines import trained
from baselines.arms import DONE, JovaArms
from jova.codecs.audio import AudioCodec, AudioCodecConfig
from jova.codecs.video import VideoCodec, VideoCodecConfig
from jova.sample import FILES
from jova_bench.suites import Suite
from jova_bench.types import Prompt

SIZE, FRAMES, SAMPLES = 32, 9, 9 * 640


@pytest.fixture
def sweeps(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_SWEEPS", str(tmp_path))
    return tmp_path / "trained"


def training(folder, seed=0, **changes):
    """What a finished training leaves; `changes` are settings that differ from the base arm."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    audio = AudioCodec(replace(AudioCodecConfig(), channels=6))
    audio.fit(audio.stacks(0.1 * torch.randn(8, SAMPLES)).flatten(0, 1))
    shape = {name: changes[name] for name in ("fusion", "task") if name in changes}
    micro(**shape).save(folder / FILES[0])
    VideoCodec(VideoCodecConfig(3, SIZE, widths=(8, 8, 8), blocks=(1, 1, 1))).save(folder / FILES[1])
    audio.save(folder / FILES[2])
    settings = {s.name: s.default for s in JovaArms().settings if not s.sampling}
    (folder / DONE).write_text(json.dumps(settings | {"seed": seed} | changes))
    return folder


def suite() -> Suite:
    video, audio, transcript = PROMPTS[0]
    prompt = Prompt(id="p", video_caption=video, audio_caption=audio, transcript=transcript)
    return Suite(name="s", prompts=(prompt,), root=None, digest="d", domain=None, reference_set=None)


def test_an_arm_is_the_full_training_of_the_smallest_seed(sweeps):
    assert trained.arm("joint") is None
    training(sweeps / "a", seed=2)
    training(sweeps / "b", seed=1, precision="bfloat16")
    training(sweeps / "c", fusion="none")
    training(sweeps / "d", mouth_weight=0.0)
    training(sweeps / "e", steps=3)
    training(sweeps / "f", task="audio-driven")
    assert trained.arm("joint") == sweeps / "b"
    assert trained.arm("none") == sweeps / "c"
    assert trained.arm("cross") is None


def test_what_is_not_trained_says_what_trains_it(sweeps):
    assert trained.twin_towers("cpu").check().endswith("run python -m jova_bench sweep fusion")
    training(sweeps / "c", fusion="none")
    assert trained.independent_towers("cpu").check() is None
    assert trained.cascade("cpu").check().endswith("run python -m baselines.trained")


def test_a_cascade_speaks_like_its_first_model_and_looks_like_its_second(sweeps):
    training(sweeps / "c", fusion="none")
    training(sweeps / trained.DRIVEN, task="audio-driven")
    cascade, asked = trained.cascade("cpu"), suite()
    assert cascade.check() is None
    plan = cascade.plan(asked.prompts[0], asked)
    assert (plan.frames, plan.height, plan.sample_rate_hz) == (FRAMES, SIZE, 16_000)
    assert plan.note.startswith("speech: euler")
    (made,) = cascade.generate(asked.prompts, 3, asked)
    (alone,) = trained.independent_towers("cpu").generate(asked.prompts, 3, asked)
    assert np.array_equal(made.media.audio, alone.media.audio)
    assert made.media.frames.shape == (FRAMES, SIZE, SIZE, 3)
    assert not np.array_equal(made.media.frames, alone.media.frames)
    assert made.function_evals == 2 * alone.function_evals
