"""What several trainings say together."""

import pytest

from jova_bench.comparison.verdicts import Comparison
from jova_bench.sweep.claims import PairOfTrainings, claim, claims_over_trainings, spread
from support.specs import clip_spec

SPEC = clip_spec("lse_c", needs=("video",))


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


def test_a_pair_that_is_worse_by_lost_clips_alone_is_counted_apart():
    tested, lost, both = (
        PairOfTrainings("x=1", place, place % 2, Comparison("m", SPEC, "worse", delta=-0.1, lost=lost, favours=favours))
        for place, (lost, favours) in enumerate(((0, "a"), (1, None), (2, "a")))
    )
    one = claim([tested, lost, both])
    assert (one.verdict, one.text) == (
        "worse", "worse in all 3 pairs of trainings; 1 worse only by clips that cannot be scored",
    )  # fmt: skip
    assert claim([tested, both]).text == "worse in all 2 pairs, but with one training on a side: these checkpoints only"


def test_shipped_weights_are_one_checkpoint():
    one = claim([PairOfTrainings("guidance=1", None, None, Comparison("m", SPEC, "worse", delta=-0.25))])
    assert (one.verdict, one.text, spread(one)) == ("no claim", "worse (one checkpoint)", "-0.250")


def over_trainings(arm, base, direction="up"):
    spec = SPEC.model_copy(update={"direction": direction})
    return claims_over_trainings("x=1", [spec], {spec.identity: (arm, base)})[0]


def test_many_trainings_are_tested_by_their_means():
    arm, base = [4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 5, 6]
    one = over_trainings(arm, base)
    # Both variances are 3.5: error sqrt(2 * 3.5 / 6) = 1.0801, t = 3 / 1.0801 = 2.7775 with 10 degrees of freedom.
    assert (one.verdict, one.text) == ("better", "better over 6 and 6 trainings (p = 0.02)")
    assert spread(one) == "+3.00 [+0.59, +5.41]"
    assert over_trainings(arm, base, "down").verdict == "worse"
    assert over_trainings(base, arm).verdict == "worse"
    assert over_trainings(arm, base, "target").verdict == "no claim"


def test_many_trainings_that_do_not_differ_say_what_they_would_detect():
    one = over_trainings([1, 2, 3, 4, 5, 7], [1, 2, 3, 4, 5, 6])
    assert one.verdict == "no difference shown"
    # Variances 4.667 and 3.5: error 1.1667; the quantiles of t at .975 and .8 are 2.231 and 0.879 (9.8 degrees).
    assert one.test.min_detectable == pytest.approx(1.1667 * (2.231 + 0.879), rel=2e-3)
    assert one.text.endswith("; detectable: 3.63")


def test_too_few_values_or_no_spread_is_no_claim():
    for arm in ([1, 2, 3, 4, 5], [2] * 6):
        one = over_trainings(arm, [2] * 6)
        assert (one.verdict, one.test, spread(one)) == ("no claim", None, "")
