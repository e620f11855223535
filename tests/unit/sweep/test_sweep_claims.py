"""What several trainings say together."""

import pytest

from jova_bench.comparison.verdicts import Comparison
from jova_bench.records import MetricSpec
from jova_bench.sweep.claims import PairOfTrainings, claim, spread

SPEC = MetricSpec(
    name="lse_c", version=1, profile="embedded", backend="judge", direction="up", needs=("video",), domain="any",
    description="confidence",
)  # fmt: skip


def pairs(verdicts, deltas=None):
    """`verdicts`[arm's seed][base's seed]."""
    rows = [(a, b, verdict) for a, row in enumerate(verdicts) for b, verdict in enumerate(row)]
    deltas = deltas or [0.1] * len(rows)
    return [
        PairOfTrainings("x=1", a, b, Comparison("m", SPEC, verdict, delta=delta))
        for (a, b, verdict), delta in zip(rows, deltas, strict=True)
    ]


@pytest.mark.parametrize("verdict", ["better", "worse", "no difference shown"])
def test_pairs_of_several_trainings_that_agree_are_a_claim(verdict):
    one = claim(pairs([[verdict] * 2] * 3, [0.10, 0.20, 0.11, 0.15, 0.18, 0.12]))
    assert (one.verdict, one.text) == (verdict, f"{verdict} in all 6 pairs of trainings")
    assert (one.least, one.most, one.pairs) == (0.10, 0.20, 6)
    assert spread(one) == "+0.100 to +0.200"


def test_trainings_that_disagree_are_no_claim():
    one = claim(pairs([["better", "better"], ["better", "no difference shown"]], [0.3, 0.2, 0.1, -0.02]))
    assert one.verdict == "no claim"
    assert one.text == "no claim: better in 3, no difference shown in 1 of 4 pairs of trainings"
    assert spread(one) == "-0.020 to +0.300"


@pytest.mark.parametrize("verdicts", [[["better", "better"]], [["better"], ["better"]], [["better"]]])
def test_one_training_on_a_side_speaks_of_checkpoints_alone(verdicts):
    one = claim(pairs(verdicts))
    assert one.verdict == "no claim"
    assert one.text.endswith("but with one training on a side: these checkpoints only")


@pytest.mark.parametrize("verdict", ["not comparable", "underpowered", "undefined"])
def test_agreement_that_nothing_is_known_is_no_claim(verdict):
    one = claim(pairs([[verdict] * 2] * 2, [None] * 4))
    assert one.verdict == "no claim"
    assert verdict in one.text
    assert (one.least, one.most, spread(one)) == (None, None, "")


def test_shipped_weights_are_one_checkpoint():
    one = claim([PairOfTrainings("guidance=1", None, None, Comparison("m", SPEC, "worse", delta=-0.25))])
    assert (one.verdict, one.text, spread(one)) == ("no claim", "worse (one checkpoint)", "-0.250")
