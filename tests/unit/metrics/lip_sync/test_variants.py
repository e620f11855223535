"""What the protocols make of several faces, and the metrics that each has."""

from dataclasses import replace

import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.errors import Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.catalogue import CATALOGUE
from jova_bench.metrics.lip_sync import curves, variants
from jova_bench.metrics.lip_sync import syncnet as lse
from jova_bench.metrics.lip_sync.variants import VARIANTS, FaceCurve

NUMBERS = {name: number.read for name, number in curves.NUMBERS.items()}


def curve(least: float, at: int, level: float = 10.0) -> np.ndarray:
    """Level everywhere, least at one index: C = level - least, offset = 15 - at."""
    values = np.full(31, level)
    values[at] = least
    return values


A = FaceCurve(curve(6, 14), 60, 0, 64)  # C 4, D 6, offset 1
B = FaceCurve(curve(9, 12), 60, 10, 74)  # C 1, D 9, offset 3; seen together with A
C = FaceCurve(curve(1, 17, 3.0), 30, 80, 114)  # C 2, D 1, offset -2; after a cut


def test_of_two_faces_at_once_the_surer_speaks():
    for name, value in (("lse_c", 4), ("lse_d", 6), ("av_offset_frames", 1), ("sync_within_1", 1), ("lse_d_at_0", 10)):
        assert variants.one_speaker(NUMBERS[name], [B, A]) == value


def test_windows_of_shots_are_pooled():
    # A and C do not overlap. Index 14 is shift -1: A has 59 windows of 6, C 29 of 3; index 17 is shift 2: 58 of 10
    # and 28 of 1. Everywhere else a mixture of 10 and 3 between (60 x 10 + 30 x 3) / 90 and (45 x 10 + 15 x 3) / 60.
    assert variants.one_speaker(NUMBERS["lse_d"], [A, B, C]) == pytest.approx((59 * 6 + 29 * 3) / 88)
    assert variants.one_speaker(lambda pooled: pooled[17], [A, C]) == pytest.approx((58 * 10 + 28 * 1) / 86)
    assert variants.one_speaker(lambda pooled: pooled[15], [A, C]) == pytest.approx((60 * 10 + 30 * 3) / 90)
    assert variants.one_speaker(lambda pooled: pooled[30], [A, C]) == pytest.approx((45 * 10 + 15 * 3) / 60)


def test_what_benches_make_of_several_faces():
    lse_c, lse_d, offset = (NUMBERS[name] for name in ("lse_c", "lse_d", "av_offset_frames"))
    assert variants.mean_of_faces(lse_c, [A, B, C]) == pytest.approx(7 / 3)
    # C - D: -2, -8, 1. Both numbers are those of the third face.
    assert variants.largest_c_minus_d(lse_c, [A, B, C]) == 2
    assert variants.largest_c_minus_d(lse_d, [A, B, C]) == 1
    # The surest face is the first, the nearest the third.
    assert [variants.best_of_faces(read, [B, A, C]) for read in (lse_c, lse_d)] == [4, 1]
    assert variants.mean_of_faces_cut(offset, [B, C]) == 0  # int(0.5)
    assert variants.mean_of_faces_cut(offset, [C, C, A]) == -1  # int(-1.67): towards zero
    assert variants.mean_of_faces_cut(lse_c, [B, C]) == 1.5
    assert variants.only_face(lse_c, [A]) == 4
    with pytest.raises(Undefined, match="2 faces"):
        variants.only_face(lse_c, [A, B])


@pytest.mark.parametrize(("at", "kept"), [(2, True), (1, False), (29, False), (28, True), (30, False)])
def test_verse_bench_drops_clips_that_are_14_frames_off(at: int, kept: bool):
    some = [A, replace(A, curve=curve(5, at))]
    if kept:
        assert variants.mean_unless_far(NUMBERS["lse_c"], some) == 4.5
    else:
        with pytest.raises(Undefined, match="14 on"):
            variants.mean_unless_far(NUMBERS["lse_c"], some)


def test_every_protocol_has_the_metrics_that_it_names():
    entries = [entry for entry in CATALOGUE if entry.profile == "standard" and entry.name in curves.NUMBERS]
    choices = [one for entry in entries for one in entry.choices() if "syncnet:" in str(one.factory)]
    there = {(one.entry.name, one.options["variant"]) for one in choices}
    assert there == {(name, key) for key, protocol in VARIANTS.items() for name in protocol.numbers}
    identities = [lse.build(MetricContext(NoCache(), "cpu"), name, key).spec.identity for name, key in there]
    assert len(set(identities)) == len(identities)


def test_a_name_alone_is_ours():
    names = list(curves.NUMBERS)
    assert [metric.spec.protocol for metric in build(names, "standard", MetricContext(NoCache()))] == ["clean"] * len(
        names
    )
    (bench,) = build(["lse_c@mova"], "standard", MetricContext(NoCache()))
    assert bench.spec.identity.startswith("lse_c@2/standard/compat:mova@595a976:syncnet-v2[")
