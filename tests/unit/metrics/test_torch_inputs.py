"""What a training loop gives: sound and frames of any type, rates of any kind of number, features of real clips."""

import re
from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench.cache import NoCache
from jova_bench.errors import BenchError
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances.features import real_features
from jova_bench.metrics.sound.loudness import loudness
from jova_bench.metrics.torch_metric import TorchMetric
from support.peak import RATE, Peak, sound, wave

FRAMES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)


def loud(audio, **rates):
    metric = TorchMetric(loudness(MetricContext(NoCache(), "cpu"), "standard"))
    metric.update(None, audio, **{"fps": None, "sample_rate_hz": RATE} | rates)
    return metric


@pytest.mark.parametrize(
    ("dtype", "within"),
    [("float16", 0.01), ("float64", 0.01), ("int16", 0.01), ("int32", 0.01), ("uint8", 0.2), ("int8", 0.2)],
)
def test_sound_of_any_type_is_as_loud(dtype, within):
    assert loud(wave(dtype)).compute().item() == pytest.approx(loud(wave()).compute().item(), abs=within)


def test_tensors_of_bfloat16_and_reversed_arrays_are_taken():
    expected = loud(wave()).compute().item()
    assert loud(torch.from_numpy(wave()).bfloat16()).compute().item() == pytest.approx(expected, abs=0.05)
    assert loud(wave()[::-1]).compute().item() == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("kind", ["numpy", "tensor", "fraction"])
def test_rates_of_any_kind_of_number_are_taken(kind):
    number = {"numpy": np.float32, "tensor": torch.tensor, "fraction": Fraction}[kind]
    metric = TorchMetric(Peak())
    frames = np.zeros((5, 8, 8, 3), np.uint8)
    metric.update(frames, sound(0.25).tolist(), fps=number(25), sample_rate_hz=number(RATE))
    assert (metric.compute().item(), metric.why) == (0.25, None)
    for fps, rate in (("25", RATE), (25, "16000"), ([25], RATE), (torch.ones(2), RATE)):
        with pytest.raises(BenchError, match=r"as a number, got"):
            metric.update(frames, sound(0.25), fps=fps, sample_rate_hz=rate)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (dict(frames=None, audio=wave()), "expected sample_rate_hz= of the audio, above 0, got None"),
        (dict(frames=np.zeros((5, 8, 8, 3), np.uint8), audio=None), "expected fps= of the frames, above 0, got None"),
        (
            dict(frames=None, audio=wave(), sample_rate_hz=float("nan")),
            "above 0, got nan",
        ),
        (dict(frames=None, audio=wave(), sample_rate_hz=16_000.5), "at a whole rate > 0"),
        (dict(frames=None, audio=wave(), sample_rate_hz=100), "expected sound of 4000 to 384000 Hz, got 100 Hz"),
        (dict(frames=None, audio=wave("int16").astype(np.float32), sample_rate_hz=RATE), "divide whole numbers"),
        (dict(frames=None, audio=wave(), sample_rate_hz=True), "sample_rate_hz= of the audio as a number, got True"),
        (dict(audio=[[], [1.0]], frames=None, sample_rate_hz=RATE), "expected a dense tensor or an array, got list: "),
        (dict(audio=torch.ones(1, 800).to_sparse(), frames=None, sample_rate_hz=RATE), "array, got Tensor: .*to_dense"),
        (dict(frames=FRAMES, fps=True), "fps= of the frames as a number, got True"),
        (dict(frames=FRAMES, fps=np.bool_(True)), "fps= of the frames as a number, got True"),
        (dict(frames=FRAMES + 200.0, fps=25), r"`x\.round"),
        (dict(frames=torch.zeros(5, 3, 8, 8), fps=25), r"\.permute\(0, 2, 3, 1\)`; make whole numbers of 0 to 255"),
        (dict(frames=FRAMES[None], fps=25), "one clip of the batch at a time"),
        (dict(frames=FRAMES[:0], fps=25), r"uint8 at fps > 0, got \(0, 8, 8, 3\) uint8 at 25$"),
        (dict(frames=None, audio=wave()[:, None].repeat(2, 1), sample_rate_hz=RATE), "transpose it"),
        (dict(frames=None, audio=wave().astype(np.int64), sample_rate_hz=RATE), "got int64"),
        (
            dict(frames=None, audio=wave(), sample_rate_hz=RATE, prompt="hello"),
            "Prompt, got str",
        ),
    ],
)
def test_what_is_no_clip_is_refused_with_one_line(call, message):
    with pytest.raises(BenchError, match=message):
        TorchMetric(Peak()).update(**{"fps": None, "audio": None, "sample_rate_hz": None} | call)


@pytest.mark.parametrize("frames", [FRAMES / 255, FRAMES.transpose(0, 3, 1, 2), FRAMES / 127.5 - 1])
def test_the_advice_makes_frames_of_what_was_given(frames):
    with pytest.raises(BenchError) as refused:
        clip_from_arrays(frames, Fraction(25), None, 0)
    (advice,) = re.findall(r"`(.*?)`, of a tensor", str(refused.value))
    assert np.array_equal(eval(advice if "x" in advice else f"x{advice}", {"x": frames}), FRAMES)


def test_rates_are_asked_for_by_name():
    with pytest.raises(TypeError, match="'fps' and 'sample_rate_hz'"):
        TorchMetric(Peak()).update(None, wave())
    with pytest.raises(TypeError, match="positional"):
        TorchMetric(Peak()).update(None, wave(), None, RATE)


@pytest.mark.parametrize(
    "features",
    [
        np.array([[1.0, np.nan]]), np.array([[np.inf, 1.0]]), np.full((2, 2, 2), np.nan), np.array([["a"]]),
        np.ones((2, 2), bool), np.ones((2, 2), complex), np.zeros((2, 0)), np.zeros(3),
    ],
)  # fmt: skip
def test_features_of_real_clips_are_finite_numbers(features):
    with pytest.raises(BenchError, match=r"expected (finite )?features of real clips"):
        real_features(features)


def test_a_clip_with_fewer_vectors_has_nan_in_their_place():
    features = np.array([[[1.0, 2.0], [np.nan, np.nan]], [[3.0, 4.0], [5.0, 6.0]]])
    np.testing.assert_array_equal(real_features(features), features)
