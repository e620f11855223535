"""What pipelines of diffusers return, as arrays of one clip, and the rate of their sound."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from jova_baselines.external.job import Job
from jova_baselines.external.pipeline import PICTURES, SOUNDS, part, sample_rate_hz
from jova_bench.errors import BenchError, UnfitClip


def of(**parts):
    return SimpleNamespace(**parts)


@pytest.mark.parametrize(
    ("made", "shape"),
    [
        ({"frames": np.zeros((1, 9, 4, 6, 3)), "audio": None}, (9, 4, 6, 3)),  # LTX-2, Kandinsky 6
        ({"video": np.zeros((9, 4, 6, 3)), "sound": None}, (9, 4, 6, 3)),  # Cosmos 3
    ],
)
def test_a_picture_is_that_of_one_clip(made, shape):
    assert part(of(**made), PICTURES, 4).shape == shape


@pytest.mark.parametrize(
    ("name", "shape", "want"),
    [
        ("audio", (1, 2, 5), (2, 5)),  # LTX-2
        ("audio", (1, 5), (1, 5)),  # Kandinsky 6
        ("sound", (2, 5), (2, 5)),  # Cosmos 3
        ("sound", (5,), (1, 5)),
    ],
)
def test_a_sound_has_channels_and_no_batch(name, shape, want):
    torch = pytest.importorskip("torch")
    values = torch.arange(np.prod(shape), dtype=torch.bfloat16).reshape(shape)
    for given in (values, values.float().numpy()):
        found = part(of(**{name: given}), SOUNDS, 2)
        assert (found.shape, found.dtype) == (want, np.float32)
        assert np.array_equal(found.ravel(), np.arange(np.prod(shape)))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({}, "expected audio or sound from the pipeline, got none"),
        ({"audio": np.zeros((2, 1, 5))}, r"expected audio of one clip .* got an array of shape \(2, 1, 5\)"),
    ],
)
def test_what_is_no_sound_of_one_clip_is_no_clip(made, message):
    with pytest.raises(UnfitClip, match=message):
        part(of(**made), SOUNDS, 2)


def test_the_rate_is_where_each_pipeline_states_it():
    job = Job({}, 9, Fraction(24), 4, 6, None)
    config = of(output_sampling_rate=48_000)
    assert sample_rate_hz(of(vocoder=of(config=config), audio_vae=of(config=of(sample_rate=16_000))), job) == 48_000
    assert sample_rate_hz(of(audio_sample_rate=44_100, vocoder=of(config=of())), job) == 44_100
    assert sample_rate_hz(of(sound_tokenizer=of(config=of(sampling_rate=32_000))), job) == 32_000
    with pytest.raises(BenchError, match="24000 Hz, got 48000"):
        sample_rate_hz(of(vocoder=of(config=config)), replace(job, sample_rate_hz=24_000))
    with pytest.raises(BenchError, match=r"expected the rate of its sound in audio_sample_rate, .* SimpleNamespace"):
        sample_rate_hz(of(), job)
