"""The reference set in a metric's parameters, and what a metric is without it."""

import pytest

from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build_all
from jova_bench.metrics.distances.references import missing_reference_reason, without_real
from jova_bench.metrics.real_clips import NONE, ReferenceSet
from support.specs import set_spec


def spec(**params):
    return set_spec("fvd", backend="i3d", weights="aa", params=params)


@pytest.mark.parametrize(
    ("text", "expected", "bare"),
    [
        ("suite:0123", ("suite", "0123"), "fvd@1/standard:i3d{fps=25,reference=suite:none}"),
        ("prompts:0123", ("prompts", "0123"), "fvd@1/standard:i3d{fps=25,reference=prompts:none}"),
        ("suite:none", ("suite", None), None),
        ("given:0123", ("given", "0123"), None),
        ("embedded-reference:7d2c", ("embedded-reference", "7d2c"), None),
        ("a:b:none", ("a", "b:none"), None),
    ],
)
def test_a_reference_set_is_a_text_of_the_parameters(text, expected, bare):
    one = spec(fps=25, reference=text)
    assert ReferenceSet.of(one) == expected
    assert ReferenceSet(*expected).put_into(spec(fps=25)) == one
    found = without_real(one)
    assert (found and found.identity) == bare
    assert (missing_reference_reason(one) is None) == (text != "suite:none")


def test_a_metric_without_one_has_none():
    assert ReferenceSet.of(spec(fps=25)) is None
    assert without_real(spec(fps=25)) is None
    assert missing_reference_reason(spec(fps=25)) is None


def test_every_metric_says_what_it_compares_with_in_one_way():
    found = {}
    for select, metric in build_all(MetricContext(NoCache())):
        if (one := ReferenceSet.of(metric.spec)) is not None:
            assert one.put_into(metric.spec).identity == metric.spec.identity
            # Built without real clips: a metric of a suite's or the prompts' own has none, with a reason.
            assert (one.digest is None) == (one.kind in NONE) == (missing_reference_reason(metric.spec) is not None)
            found.setdefault(one.kind, []).append(select)
    assert found.keys() == {"suite", "prompts", "embedded-reference"}
