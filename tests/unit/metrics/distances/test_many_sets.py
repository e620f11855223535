"""Distances of many sets at once, by which intervals and tests are made, are the distance that stands in the table."""

import numpy as np
import pytest

from jova_bench.metrics.distances.base import FrechetMetric, KernelMetric, PublishedFrechet, SetDistance
from jova_bench.metrics.distances.fad import FadtkInfinity
from jova_bench.metrics.distances.fad_audioclip import ScaledFrechet
from jova_bench.metrics.distances.fvd import CentredKernel
from support.specs import set_spec


def kinds(of=SetDistance):
    """Every class that measures a distance from real clips."""
    return {of, *(below for one in of.__subclasses__() for below in kinds(one))}


KINDS = (FrechetMetric, PublishedFrechet, KernelMetric, FadtkInfinity, ScaledFrechet, CentredKernel)


@pytest.mark.parametrize("kind", KINDS)
def test_each_of_many_sets_has_the_distance_that_it_has_alone(kind):
    rng = np.random.default_rng(5)
    reference, clips = rng.normal(size=(900, 4)), rng.normal(size=(700, 4)) + 0.3
    metric = kind(set_spec("fad", params={"kernel": "cubic"}), lambda clip: None, lambda: reference)
    chosen = rng.random((3, len(clips))) < 0.95
    expected = [metric.distance(clips[one]) for one in chosen]
    assert metric.distances(clips, chosen) == pytest.approx(expected, rel=1e-9)


def test_no_kind_is_left_out():
    """An inception score alone needs no reference; it has the default, one set after the other."""
    ours = {kind for kind in kinds() if kind.__module__.startswith("jova_bench.") and kind is not SetDistance}
    assert {kind.__name__ for kind in ours - set(KINDS)} <= {"InceptionScore"}
