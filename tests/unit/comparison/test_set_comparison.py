"""Distances between sets of clips are compared by swapping clips."""

import numpy as np
import pytest

from jova_bench.comparison.compare import compare
from jova_bench.comparison.results import freeze, read_results
from jova_bench.errors import BenchError
from support.compared import EIGHT, rng, row_of, two
from support.made_runs import Clips, Spread, made_run


def test_a_set_metric_is_tested_by_swapping_clips(tmp_path):
    a = rng(1).normal(size=(9, 3))
    found = two(tmp_path, {"spread": a}, {"spread": 2 * a}, [Spread()])
    row = row_of(found, "spread")
    # The mean of squares is a mean over clips: four times it, and all 512 swaps are tried.
    assert (row.a, row.b) == pytest.approx(((a**2).sum(axis=1).mean(), 4 * (a**2).sum(axis=1).mean()))
    assert (row.p, row.verdict, row.n, row.worst) == (2 / 512, "worse", 9, ())
    same = two(tmp_path / "same", {"spread": a}, {"spread": a}, [Spread()])
    assert (row_of(same, "spread").verdict, row_of(same, "spread").p) == ("no difference shown", 1)


def test_seeds_of_a_set_metric_are_sets_of_their_own(tmp_path):
    a = rng(2).normal(size=(8, 2, 3))
    row = row_of(two(tmp_path, {"spread": a}, {"spread": a + 1}, [Spread()], seeds=(0, 1)), "spread")
    assert row.b == pytest.approx(np.mean([((a[:, s] + 1) ** 2).sum(axis=1).mean() for s in range(2)]))


def test_too_few_clips_for_a_distance(tmp_path):
    a = rng(3).normal(size=(8, 3))
    few = two(tmp_path, {"spread": a}, {"spread": a + 1}, [Spread(least=9)])
    assert (row_of(few, "spread").verdict, few.exit_code) == ("undefined", 0)
    assert row_of(few, "spread").reason == "8 clips are fewer than 9"
    exactly = two(tmp_path / "exactly", {"spread": a}, {"spread": a + 1}, [Spread(least=8)])
    assert row_of(exactly, "spread").verdict == "underpowered"
    assert "no interval, as the distance is undefined without any one prompt" in row_of(exactly, "spread").reason


def test_a_set_metric_without_its_features_or_its_code_does_not_compare(tmp_path):
    a = {"spread": rng(4).normal(size=(8, 3)), "score": EIGHT}
    metrics = [Spread(), Clips()]
    made_run(tmp_path / "a", {"m": a}, metrics)
    made_run(tmp_path / "b", {"m": a}, metrics)
    unknown = compare(tmp_path / "a", tmp_path / "b", ["spread", "score"])
    assert row_of(unknown, "spread").verdict == "not comparable"
    assert "no metric of this identity" in row_of(unknown, "spread").reason
    assert row_of(unknown).verdict == "no difference shown"
    for path in (tmp_path / "b" / "features").rglob("*.npz"):
        path.unlink()
    gone = compare(tmp_path / "a", tmp_path / "b", metrics)
    assert (row_of(gone, "spread").verdict, gone.exit_code) == ("not comparable", 4)
    assert "no longer in" in row_of(gone, "spread").reason
    with pytest.raises(BenchError, match="no longer in"):
        freeze(read_results(tmp_path / "b"))
