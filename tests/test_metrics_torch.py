"""The wrapper for training loops, and the catalogue of all metrics."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from jova_bench.labels import FAMILIES
from jova_bench.metrics import CATALOGUE, build, everything
from jova_bench.metrics.base import NoCache, measured
from jova_bench.metrics.loudness import loudness
from jova_bench.metrics.torch_metric import TorchMetric
from jova_bench.types import BenchError, MetricSpec, Prompt, Unavailable, Undefined


class Peak:
    """Largest sample; undefined below 0.1, failed above 0.9."""

    def __init__(self, micro=None):
        self.spec = MetricSpec(
            name="peak", version=1, profile="standard", backend="test", direction="up", needs=("audio",),
            domain="", description="", micro=micro,
        )  # fmt: skip

    def check(self):
        return None

    def score(self, clip, prompt, reference):
        def peak():
            value = float(clip.mono().max())
            if value < 0.1:
                raise Undefined("silent")
            if value > 0.9:
                raise Unavailable("too loud")
            return value

        return measured(peak)


def sound(level, samples=1_600):
    return np.full(samples, level, np.float32)


def prompt_of(transcript):
    return Prompt(id="p", video_caption="", audio_caption="", transcript=transcript)


def counts(metric):
    return int(metric.ok), int(metric.undefined), int(metric.failed)


def test_mean_over_ok_with_counts_and_reset():
    metric = TorchMetric(Peak())
    for level in (0.25, 0.75, 0.0, 0.0, 1.0):
        metric.update(None, sound(level))
    assert metric.compute().item() == pytest.approx(0.5)
    assert counts(metric) == (2, 2, 1)
    metric.reset()
    assert counts(metric) == (0, 0, 0)
    metric.update(None, sound(0.125))
    assert metric.compute().item() == pytest.approx(0.125)


def test_nan_when_nothing_is_ok():
    metric = TorchMetric(Peak())
    metric.update(None, sound(0.0))
    assert np.isnan(metric.compute().item())


def test_states_of_two_processes_add_up():
    one, other = TorchMetric(Peak()), TorchMetric(Peak())
    for level in (0.25, 0.5, 0.0):
        one.update(None, sound(level))
    for level in (0.75, 1.0):
        other.update(None, sound(level))
    one.merge_state(other)
    assert one.compute().item() == pytest.approx((0.25 + 0.5 + 0.75) / 3)
    assert counts(one) == (3, 1, 1)


def test_forward_gives_the_value_of_one_clip_and_keeps_the_mean():
    metric = TorchMetric(Peak())
    assert metric(None, sound(0.25)).item() == pytest.approx(0.25)
    assert metric(None, sound(0.75)).item() == pytest.approx(0.75)
    assert metric.compute().item() == pytest.approx(0.5)


def test_word_error_rates_are_weighted_by_words():
    metric = TorchMetric(Peak(micro="transcript_words"))
    metric.update(None, sound(0.25), prompt=prompt_of("place red box"))
    metric.update(None, sound(0.75), prompt=prompt_of("red"))
    assert metric.compute().item() == pytest.approx((3 * 0.25 + 0.75) / 4)


def test_tensors_and_arrays_of_real_clips_score_the_same():
    import torch

    wave = (0.1 * np.sin(2 * np.pi * 997 * np.arange(16_000) / 16_000)).astype(np.float32)
    frames = np.zeros((25, 8, 8, 3), np.uint8)
    values = []
    for picture, audio in ((frames, wave), (torch.from_numpy(frames), torch.from_numpy(wave)[None])):
        metric = TorchMetric(loudness(NoCache(), "cpu", "standard"))
        metric.update(picture, audio, fps=Fraction(25), sample_rate_hz=16_000)
        values.append(metric.compute().item())
    assert values[0] == values[1] == pytest.approx(-23.01, abs=0.05)


# The catalogue

LIP_SYNC = ("lse_c", "lse_d", "lse_d_at_0", "av_offset_frames", "sync_within_1")
BOTH = ("wer", "cer", "pesq", "stoi", "dnsmos", "loudness")
DRAWN = ("mouth_audio_corr", "fvd", "fad", "kvd", "kad", "prompt_hair", "prompt_background", "prompt_voice")
NAMES = LIP_SYNC + DRAWN + BOTH


def test_every_metric_of_the_embedded_profile_can_be_named_and_built():
    metrics = build(None, "embedded", NoCache(), "cpu")
    assert {metric.spec.name for metric in metrics} == set(NAMES)
    identities = [metric.spec.identity for metric in metrics]
    assert len(set(identities)) == len(identities) == len(NAMES) + len(LIP_SYNC)  # two judges
    for metric in metrics:
        assert metric.spec.profile == "embedded"
        assert metric.check() is None or metric.check().startswith(("not installed: ", "weights missing: "))
        assert ("reference_set" in metric.spec.needs) == (metric.spec.level == "set")


def test_the_standard_profile_is_clean_unless_asked():
    metrics = build(None, "standard", NoCache(), "cpu")
    names = [metric.spec.name for metric in metrics]
    assert set(BOTH) <= set(names)
    assert len(set(names)) == len(names)  # Compat protocols come when asked for.
    assert {(metric.spec.profile, metric.spec.protocol) for metric in metrics} == {("standard", "clean")}


def test_entries_build_what_they_are_called():
    for entry in CATALOGUE:
        built = build([entry.select], entry.profile, NoCache(), "cpu")
        assert {metric.spec.name for metric in built} == {entry.name}
        assert len(built) == (2 if entry.options.get("judge") else 1)


def test_everything_has_an_identity_of_its_own_and_a_place_in_the_tables():
    there = everything(NoCache(), "cpu")
    identities = [metric.spec.identity for _, metric in there]
    assert len(set(identities)) == len(identities)
    known = {name for family in FAMILIES.values() for name in family}
    for select, metric in there:
        spec, bench = metric.spec, select.partition("@")[2]
        assert spec.name in known, "add it to labels.FAMILIES"
        assert spec.description
        assert spec.domain
        # What follows a bench says so in its identity, and is not computed unless asked for.
        assert spec.protocol == "clean" or spec.protocol.partition("@")[0] == bench
        assert (f"/compat:{spec.protocol}:" in spec.identity) == (spec.protocol != "clean")


def test_names_keep_the_order_of_the_catalogue_and_repeat_nothing():
    built = build(["loudness", "wer", "wer"], "embedded", NoCache(), "cpu")
    assert [metric.spec.name for metric in built] == ["wer", "loudness"]


@pytest.mark.parametrize(
    ("name", "profile", "message"),
    [
        ("lse-c", "embedded", "expected the name of a metric, got 'lse-c'; did you mean 'lse_c'?"),
        (
            "prompt_hair",
            "standard",
            "expected a metric of the standard profile, got 'prompt_hair'; it needs --profile embedded",
        ),
    ],
)
def test_unknown_names_get_one_clear_line(name, profile, message):
    with pytest.raises(BenchError) as error:
        build([name], profile, NoCache(), "cpu")
    assert str(error.value) == message


def test_building_all_metrics_imports_no_torch():
    code = (
        "import sys; from jova_bench.metrics import build; from jova_bench.metrics.base import NoCache;"
        "[build(None, profile, NoCache(), 'cpu') for profile in ('embedded', 'standard')];"
        "print([name for name in ('torch', 'scipy', 'av', 'onnxruntime', 'pocketsphinx') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
