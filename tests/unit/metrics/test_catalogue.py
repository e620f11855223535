"""The catalogue of all metrics: what can be named, and what a name builds."""

import subprocess
import sys

import pytest

from jova_bench.cache import NoCache
from jova_bench.errors import BenchError
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build, build_all
from jova_bench.metrics.catalogue import CATALOGUE
from jova_bench.metrics.labels import families

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
            "expected a metric of the standard profile, got 'prompt_hair'; it is of profile 'embedded'",
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
