"""Variants and the default selection of installed packages' metrics: the same rules as for built-in ones."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from jova_bench import registry
from jova_bench.cache import NoCache
from jova_bench.errors import BenchError
from jova_bench.metrics.base import ClipMetric, MetricContext
from jova_bench.metrics.build import ENTRY_POINTS, broken, build, references, usual
from jova_bench.metrics.entry import MetricEntry, Variant
from jova_bench.metrics.real_clips import RealClips
from jova_bench.records import MetricSpec


class Power(ClipMetric):
    """A number that its options say; it keeps the real clips that it was given."""

    def __init__(self, context, gamma="1"):
        super().__init__(context)
        self.real_clips = context.real_clips
        if gamma == "broken":
            raise ValueError("no such gamma")
        self.spec = MetricSpec(
            name="power", version=1, profile="standard", backend="b", direction="up", needs=("audio",), domain="any",
            description="a test", params={"gamma": gamma},
        )  # fmt: skip

    def measure(self, clip, prompt, reference):
        return 1.0


VARIANTS = {"mova": Variant({"gamma": "2"}, real_clips="prompts"), "odd": Variant({"gamma": "broken"})}


@pytest.fixture
def offers(monkeypatch):
    """Installs one entry, called `power`."""

    def install(**changes):
        module = ModuleType("powers")
        fields = {"real_clips": "suite", "variants": VARIANTS} | changes
        module.POWER = MetricEntry("power", "Power", "Powers", "standard", Power, **fields)
        monkeypatch.setitem(sys.modules, "powers", module)
        points = [EntryPoint("power", "powers:POWER", ENTRY_POINTS)]
        monkeypatch.setattr(registry, "entry_points", lambda group: points * (group == ENTRY_POINTS))

    return install


def identities(names, **real):
    return [one.spec.identity for one in build(names, "standard", MetricContext(NoCache()), real)]


def test_a_variant_is_built_only_when_it_is_asked_for(offers):
    offers()
    assert identities(["power"]) == ["power@1/standard:b{gamma=1}"]
    assert identities(["power@mova"]) == ["power@1/standard:b{gamma=2}"]
    # Everything that the bench computes: the built-in metrics' variants and the package's.
    every = identities(["@mova"])
    assert "power@1/standard:b{gamma=2}" in every
    assert [one for one in every if one.startswith("lse_c@")]
    assert "power@1/standard:b{gamma=1}" not in every


def test_each_is_given_its_own_real_clips(offers):
    offers()
    real = {kind: RealClips(kind, (), NoCache()) for kind in ("suite", "prompts")}
    plain, variant = build(["power", "power@mova"], "standard", MetricContext(NoCache()), real)
    assert (plain.real_clips, variant.real_clips) == (real["suite"], real["prompts"])
    assert references(["power"], "standard") == {"suite"}
    assert references(["power@mova"], "standard") == {"prompts"}


def test_what_is_not_in_the_default_selection_is_built_by_name(offers):
    offers(default=False)
    assert "power" not in usual("standard", MetricContext(NoCache()))[0]
    assert identities(["power"])
    offers()
    assert "power" in usual("standard", MetricContext(NoCache()))[0]


def test_a_broken_variant_costs_nothing_but_itself(offers):
    offers()
    assert set(broken(MetricContext(NoCache()))) == {"power@odd"}
    assert "ValueError: no such gamma" in broken(MetricContext(NoCache()))["power@odd"]
    assert usual("standard", MetricContext(NoCache()))[1] == ()
    with pytest.raises(BenchError, match=r"power@odd.*no such gamma"):
        identities(["power@odd"])


def test_a_name_that_is_no_variant_is_refused_with_the_nearest(offers):
    offers()
    with pytest.raises(BenchError, match=r"got 'power@movva'.*power@mova"):
        identities(["power@movva"])
    with pytest.raises(BenchError, match=r"it is of profile 'standard'"):
        build(["power"], "embedded", MetricContext(NoCache()))


def test_variants_alone_leave_no_metric_of_the_bare_name(offers):
    offers(plain=False)
    assert identities(["power@mova"])
    assert "power" not in usual("standard", MetricContext(NoCache()))[0]
    with pytest.raises(BenchError, match="expected the name of a metric, got 'power'"):
        identities(["power"])


def test_a_variant_without_an_identity_of_its_own_is_named(offers):
    offers(variants={"same": Variant(), "mova": Variant({"gamma": "2"})})
    assert list(broken(MetricContext(NoCache()))) == ["power@same"]
    with pytest.raises(BenchError, match=r"'power@same'.*expected an identity of its own.*got that of power;"):
        build(["power@same"], "standard", MetricContext(NoCache()))
    assert identities(["power", "power@mova"]) == ["power@1/standard:b{gamma=1}", "power@1/standard:b{gamma=2}"]
