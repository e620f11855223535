"""The wrapper for training loops, and the catalogue of all metrics."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench.cache import NoCache
from jova_bench.errors import BenchError, Unavailable, Undefined
from jova_bench.media.files import clip_from_arrays
from jova_bench.metrics.base import ClipMetric, MetricContext, to_outcome
from jova_bench.metrics.build import build, build_all
from jova_bench.metrics.catalogue import CATALOGUE
from jova_bench.metrics.labels import families
from jova_bench.metrics.sound.loudness import loudness
from jova_bench.metrics.torch_inputs import reference_of
from jova_bench.metrics.torch_metric import TorchMetric
from jova_bench.metrics.torch_reasons import counted, encoded
from jova_bench.metrics.torch_set_metric import TorchSetMetric
from support.asked import prompt
from support.specs import clip_spec

RATE = 16_000


class Peak(ClipMetric):
    """Largest sample; undefined below 0.1, failed above 0.9."""

    def __init__(self, micro=None):
        self.spec = clip_spec("peak", micro=micro)

    def check(self):
        return None

    def measure(self, clip, prompt, reference):
        value = float(clip.mono().max())
        if value < 0.1:
            raise Undefined("silent")
        if value > 0.9:
            raise Unavailable("too loud")
        return value


def sound(level, samples=1_600):
    return np.full(samples, level, np.float32)


def counts(metric):
    return int(metric.ok), int(metric.undefined), int(metric.failed)


def test_mean_over_ok_with_counts_and_reset():
    metric = TorchMetric(Peak())
    for level in (0.25, 0.75, 0.0, 0.0, 1.0):
        metric.update(None, sound(level), fps=None, sample_rate_hz=RATE)
    assert metric.compute().item() == pytest.approx(0.5)
    assert counts(metric) == (2, 2, 1)
    metric.reset()
    assert counts(metric) == (0, 0, 0)
    metric.update(None, sound(0.125), fps=None, sample_rate_hz=RATE)
    assert metric.compute().item() == pytest.approx(0.125)


def test_nan_when_nothing_is_ok():
    metric = TorchMetric(Peak())
    metric.update(None, sound(0.0), fps=None, sample_rate_hz=RATE)
    assert np.isnan(metric.compute().item())


def test_states_of_two_processes_add_up():
    one, other = TorchMetric(Peak()), TorchMetric(Peak())
    for level in (0.25, 0.5, 0.0):
        one.update(None, sound(level), fps=None, sample_rate_hz=RATE)
    for level in (0.75, 1.0):
        other.update(None, sound(level), fps=None, sample_rate_hz=RATE)
    one.merge_state(other)
    assert one.compute().item() == pytest.approx((0.25 + 0.5 + 0.75) / 3)
    assert counts(one) == (3, 1, 1)


def test_forward_gives_the_value_of_one_clip_and_keeps_the_mean():
    metric = TorchMetric(Peak())
    assert metric(None, sound(0.25), fps=None, sample_rate_hz=RATE).item() == pytest.approx(0.25)
    assert metric(None, sound(0.75), fps=None, sample_rate_hz=RATE).item() == pytest.approx(0.75)
    assert metric.compute().item() == pytest.approx(0.5)


def test_word_error_rates_are_weighted_by_words():
    metric = TorchMetric(Peak(micro="transcript_words"))
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE, prompt=prompt("place red box"))
    metric.update(None, sound(0.75), fps=None, sample_rate_hz=RATE, prompt=prompt("red"))
    assert metric.compute().item() == pytest.approx((3 * 0.25 + 0.75) / 4)


def test_tensors_and_arrays_of_real_clips_score_the_same():
    wave = (0.1 * np.sin(2 * np.pi * 997 * np.arange(16_000) / 16_000)).astype(np.float32)
    frames = np.zeros((25, 8, 8, 3), np.uint8)
    values = []
    for picture, audio in ((frames, wave), (torch.from_numpy(frames), torch.from_numpy(wave)[None])):
        metric = TorchMetric(loudness(MetricContext(NoCache(), "cpu"), "standard"))
        metric.update(picture, audio, fps=Fraction(25), sample_rate_hz=16_000)
        values.append(metric.compute().item())
    assert values[0] == values[1] == pytest.approx(-23.01, abs=0.05)


# The catalogue

LIP_SYNC = ("lse_c", "lse_d", "lse_d_at_0", "av_offset_frames", "sync_within_1")
BOTH = ("wer", "cer", "pesq", "stoi", "dnsmos", "loudness")
DRAWN = ("mouth_audio_corr", "fvd", "fad", "kvd", "kad", "prompt_hair", "prompt_background", "prompt_voice")
NAMES = LIP_SYNC + DRAWN + BOTH


def test_every_metric_of_the_embedded_profile_can_be_named_and_built():
    metrics = build(None, "embedded", MetricContext(NoCache()))
    assert {metric.spec.name for metric in metrics} == set(NAMES)
    identities = [metric.spec.identity for metric in metrics]
    assert len(set(identities)) == len(identities) == len(NAMES) + len(LIP_SYNC)  # two judges
    for metric in metrics:
        assert metric.spec.profile == "embedded"
        assert metric.check() is None or metric.check().startswith(("not installed: ", "weights missing: "))
        assert ("reference_set" in metric.spec.needs) == (metric.spec.level == "set")


def test_the_standard_profile_is_clean_unless_asked():
    metrics = build(None, "standard", MetricContext(NoCache()))
    names = [metric.spec.name for metric in metrics]
    assert set(BOTH) <= set(names)
    assert len(set(names)) == len(names)  # Compat protocols come when asked for.
    assert {(metric.spec.profile, metric.spec.protocol) for metric in metrics} == {("standard", "clean")}


def test_entries_build_what_they_are_called():
    for one in (choice for entry in CATALOGUE for choice in entry.choices()):
        built = build([one.select], one.entry.profile, MetricContext(NoCache()))
        assert {metric.spec.name for metric in built} == {one.entry.name}
        assert len(built) == (2 if one.options.get("judge") else 1)


def test_everything_has_an_identity_of_its_own_and_a_place_in_the_tables():
    there = build_all(MetricContext(NoCache()))
    identities = [metric.spec.identity for _, metric in there]
    assert len(set(identities)) == len(identities)
    known = {name for family in families().values() for name in family}
    for select, metric in there:
        spec, bench = metric.spec, select.partition("@")[2]
        assert spec.name in known, "give it a title in catalogue.TITLES"
        assert spec.description
        assert spec.domain
        # What follows a bench says so in its identity, and is not computed unless asked for.
        assert spec.protocol == "clean" or spec.protocol.partition("@")[0] == bench
        assert (f"/compat:{spec.protocol}:" in spec.identity) == (spec.protocol != "clean")


def test_names_keep_the_order_of_the_catalogue_and_repeat_nothing():
    built = build(["loudness", "wer", "wer"], "embedded", MetricContext(NoCache()))
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
        build([name], profile, MetricContext(NoCache()))
    assert str(error.value) == message


def test_building_all_metrics_imports_no_torch():
    code = (
        "import sys; from jova_bench.metrics.build import build; from jova_bench.cache import NoCache;"
        "from jova_bench.metrics.base import MetricContext;"
        "[build(None, profile, MetricContext(NoCache())) for profile in ('embedded', 'standard')];"
        "print([name for name in ('torch', 'scipy', 'av', 'onnxruntime', 'pocketsphinx') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# What a training loop gives


def wave(dtype=np.float32):
    """A tone of 997 Hz at -20 dBFS, as samples of a type."""
    tone = 0.1 * np.sin(2 * np.pi * 997 * np.arange(RATE) / RATE)
    if np.dtype(dtype).kind == "f":
        return tone.astype(dtype)
    half = 2 ** (8 * np.dtype(dtype).itemsize - 1)
    return (np.rint(tone * (half - 1)) + (half if np.dtype(dtype).kind == "u" else 0)).astype(dtype)


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
        TorchMetric(Peak()).update(**{"fps": None, "sample_rate_hz": None} | call)


def test_rates_are_asked_for_by_name():
    with pytest.raises(TypeError, match="'fps' and 'sample_rate_hz'"):
        TorchMetric(Peak()).update(None, wave())
    with pytest.raises(TypeError, match="positional"):
        TorchMetric(Peak()).update(None, wave(), None, RATE)


def test_every_nan_has_its_reason():
    metric = TorchMetric(Peak())
    assert metric.why == "no clip was given"
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE)
    assert metric.why is None
    metric.reset()
    assert metric.why == "no clip was given"


def test_reasons_are_counted_and_forgotten():
    metric = TorchMetric(Peak())
    for level in (0.25, 0.0, 0.0, 1.0):
        metric(None, sound(level), fps=None, sample_rate_hz=RATE)  # `forward`, as a loop that logs each step calls it.
    assert metric.why == "silent (2), too loud (1)"
    metric.reset()
    assert metric.why == "no clip was given"


def lost(*levels, **options):
    metric = TorchMetric(Peak(), **options)
    for level in levels:
        metric.update(None, sound(level), fps=None, sample_rate_hz=RATE)
    return metric


def test_reasons_merge_save_and_load():
    one = lost(0.25, 0.0)
    one.merge_state(lost(0.0, 1.0))
    assert one.why == "silent (2), too loud (1)"
    one.persistent(True)
    other = lost()
    other.persistent(True)
    other.load_state_dict(one.state_dict())
    other.update(None, sound(1.0), fps=None, sample_rate_hz=RATE)
    assert other.why in ("silent (2), too loud (2)", "too loud (2), silent (2)")


@pytest.mark.parametrize("options", [{}, {"compute_with_cache": False}])
def test_a_reason_is_as_old_as_its_value(options):
    metric = lost(0.0, **options)
    assert np.isnan(metric.compute().item())
    assert metric.why == "silent (1)"
    metric.update(None, sound(1.0), fps=None, sample_rate_hz=RATE)
    assert metric.why == "silent (1), too loud (1)"
    metric.compute()
    metric.reset()
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE)
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE)
    assert metric.why is None


@pytest.mark.parametrize("reason", ["", "two\nlines", "größer als 日本", 'a "quoted" \\ one'])
def test_any_reason_comes_back_from_its_state(reason):
    state = [encoded({reason: 2}), encoded({reason: 1, "other": 1})]
    assert counted(state) == counted(torch.cat(state)) == {reason: 3, "other": 1}
    assert counted([]) == counted(torch.zeros(0)) == {}


@pytest.mark.parametrize(
    ("value", "shown"), [("0.5", "'0.5'"), (None, "None"), (np.zeros(2), "array([0., 0.])"), ({"a": 1}, "{'a': 1}")]
)
def test_what_is_no_number_says_what_to_return(value, shown):
    class Written(Peak):
        def measure(self, clip, prompt, reference):
            return value

    outcome = Written().score(clip_from_arrays(None, Fraction(0), np.zeros((1, 800), np.float32), 16_000))
    assert (outcome.status, outcome.value) == ("failed", None)
    assert outcome.reason == f"expected a number, got {shown}; raise Undefined where there is none"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e61, np.float32("nan")])
def test_a_number_that_no_table_holds_says_so(value):
    outcome = to_outcome(lambda: value)
    assert (outcome.status, outcome.value) == ("failed", None)
    assert outcome.reason == f"expected a finite number up to 1e+60, got {value}; raise Undefined where there is none"
    assert to_outcome(lambda: 1e60).value == 1e60
    assert to_outcome(lambda: 10**400).reason.startswith("expected a number, got 1000")


SHORT = clip_from_arrays(None, Fraction(0), np.zeros((1, 800), np.float32), 16_000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "expected clip to be a clip as `read_clip` returns it, got None"),
        (("a.mp4",), "expected clip to be a clip as `read_clip` returns it, got 'a.mp4'"),
        ((SHORT, "hello"), "expected prompt to be a Prompt of a suite, or None, got 'hello'"),
    ],
)
def test_a_score_takes_clips_and_prompts(arguments, message):
    with pytest.raises(BenchError, match=message):
        Peak().score(*arguments)


def test_each_wrapper_takes_its_own_kind():
    (fvd,) = build(["fvd"], "embedded", MetricContext(NoCache()))
    with pytest.raises(BenchError, match=r"expected a metric of a clip, got fvd.*TorchSetMetric"):
        TorchMetric(fvd)
    with pytest.raises(BenchError, match=r"expected a metric of a set, got peak.*TorchMetric"):
        TorchSetMetric(Peak())


def test_the_direction_is_the_metrics():
    assert TorchMetric(Peak()).higher_is_better is True
    assert TorchMetric(build(["wer"], "embedded", MetricContext(NoCache()))[0]).higher_is_better is False
    assert TorchMetric(loudness(MetricContext(NoCache(), "cpu"), "standard")).higher_is_better is None


@pytest.mark.parametrize(("fps", "side"), [(1, 64), (50, 64), (25, 1), (25, 32)])
def test_the_domain_is_checked_by_format_and_not_believed(fps, side):
    frames = np.zeros((50, side, side, 3), np.uint8)
    metric = TorchMetric(build(["lse_c"], "embedded", MetricContext(NoCache()))[0], in_domain=True)
    metric.update(frames, wave(), fps=fps, sample_rate_hz=RATE)
    assert np.isnan(metric.compute().item())
    assert metric.why == "outside the embedded domain (1)"


def test_an_error_in_a_metric_is_a_failure_of_its_clip():
    class Broken(Peak):
        def measure(self, clip, prompt, reference):
            raise RuntimeError("no such shape")

    metric = TorchMetric(Broken())
    metric.update(None, sound(0.25), fps=None, sample_rate_hz=RATE)
    assert counts(metric) == (0, 0, 1)
    assert metric.why == "RuntimeError: no such shape (1)"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timing": "x"}, "expected timing= free, aligned, reference, got 'x'"),
        ({"in_domain": "yes"}, "expected in_domain= True or False, got 'yes'"),
        ({"nonsense": 1}, "expected options of TorchMetric or torchmetrics.Metric: .*nonsense"),
        ({"compute_on_cpu": "x"}, "expected options of TorchMetric .*compute_on_cpu"),
    ],
)
def test_an_option_of_another_kind_is_one_line(options, said):
    with pytest.raises(BenchError, match=said):
        TorchMetric(Peak(), **options)


@pytest.mark.parametrize(
    "features",
    [
        np.array([[1.0, np.nan]]), np.array([[np.inf, 1.0]]), np.full((2, 2, 2), np.nan), np.array([["a"]]),
        np.ones((2, 2), bool), np.ones((2, 2), complex), np.zeros((2, 0)), np.zeros(3),
    ],
)  # fmt: skip
def test_features_of_real_clips_are_finite_numbers(features):
    with pytest.raises(BenchError, match=r"expected (finite )?features of real clips"):
        reference_of(features)


def test_a_clip_with_fewer_vectors_has_nan_in_their_place():
    features = np.array([[[1.0, 2.0], [np.nan, np.nan]], [[3.0, 4.0], [5.0, 6.0]]])
    np.testing.assert_array_equal(reference_of(features), features)
