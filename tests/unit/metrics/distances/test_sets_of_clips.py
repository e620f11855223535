"""Sets of clips with several vectors each, and the fast forms of their distances."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from jova_bench import stats
from jova_bench.cache import DiskCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.catalogue import CATALOGUE
from jova_bench.metrics.distances import base as set_distance
from jova_bench.metrics.distances import frechet_kernel as dist
from jova_bench.metrics.distances import many
from jova_bench.metrics.distances.base import DIMENSIONS, KERNELS, for_fewer, needed
from jova_bench.records import Outcome
from jova_bench.runs.estimates import MetricColumn, distances, mean_distance, set_estimate
from support.clips import audio_clip
from support.frechet import by_square_root
from support.specs import set_spec


@pytest.fixture
def rng():
    return np.random.default_rng(33)


@pytest.mark.parametrize("n", [12, 90])
@pytest.mark.parametrize("m", [15, 80])
def test_every_form_is_the_published_one(rng, n, m):
    d = 40
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 0.2
    y = rng.normal(size=(m, d)) @ rng.normal(size=(d, d))
    expected = by_square_root(x, y)
    distance = dist.FrechetFrom(y)
    assert distance(x) == distance(x) == pytest.approx(expected, rel=1e-6)
    assert dist.FrechetFrom(x)(y) == pytest.approx(expected, rel=1e-6)
    assert dist.FrechetFrom(x)(x) == pytest.approx(0, abs=1e-9 * np.trace(np.cov(x, rowvar=False)))


def test_a_dimension_that_never_moves_is_no_obstacle(rng):
    """Cnn14's embeddings come out of a ReLU, some of which never open: the covariance has rows of zeros."""
    x, y = rng.normal(size=(60, 12)), rng.normal(size=(50, 12)) * 1.5
    x[:, 3] = y[:, 3] = 0
    expected = dist.frechet(np.delete(x, 3, axis=1), np.delete(y, 3, axis=1))
    assert dist.frechet(x, y) == pytest.approx(expected, rel=1e-7)
    np.testing.assert_allclose(dist.factored(np.diag([4.0, 0.0])), np.diag([2.0, 0.0]))


def test_what_is_not_finite_is_refused_before_any_algebra(rng):
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(6, 3))
    x[2, 1] = np.inf
    for bad in (lambda: dist.FrechetFrom(x), lambda: dist.FrechetFrom(y)(x), lambda: dist.clustered(x)):
        with pytest.raises(ValueError, match="finite"):
            bad()
    half = np.full((2, 2, 3), np.nan)
    half[:, 0] = 1
    half[1, 1, 0] = 1  # A vector of which two numbers are missing is no padding.
    with pytest.raises(ValueError, match="finite"):
        dist.clustered(half)


def test_clips_of_several_vectors_are_stacked_and_taken_apart():
    stacked = dist.stack([np.ones((1, 2)), np.full((3, 2), 2.0)])
    assert stacked.shape == (2, 3, 2)
    found = dist.clustered(stacked)
    np.testing.assert_array_equal(found.rows, [[1, 1], [2, 2], [2, 2], [2, 2]])
    np.testing.assert_array_equal(found.owner, [0, 1, 1, 1])
    np.testing.assert_array_equal(dist.stack([np.ones(2), np.zeros(2)]), [[1, 1], [0, 0]])


def test_pairs_of_one_clip_are_left_out():
    # Clip 0 has {0, 0} and clip 1 has {1}: the only pairs of different clips are 1 apart.
    x = dist.stack([np.zeros((2, 1)), np.ones((1, 1))])
    assert dist.mean_within(x, dist.rbf_kernel(1.0)) == pytest.approx(np.exp(-0.5))
    with pytest.raises(ValueError, match="at least 2 clips"):
        dist.mean_within(dist.stack([np.zeros((2, 1))]), dist.rbf_kernel(1.0))


def test_vectors_that_repeat_within_a_clip_leave_the_distance_unbiased(rng):
    """Counted as independent draws, copies would put the distance of one law from itself at 0.044 (measured)."""
    kernel = dist.rbf_kernel(2.0)
    found = []
    for _ in range(300):
        x, y = rng.normal(size=(12, 1, 3)).repeat(4, axis=1), rng.normal(size=(15, 1, 3)).repeat(2, axis=1)
        found.append(dist.kernel_distance(x, y, kernel))
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(300)
    x = rng.normal(size=(12, 3))
    assert dist.kernel_distance(x[:, None].repeat(4, axis=1), y, kernel) == pytest.approx(
        dist.kernel_distance(x, y, kernel)
    )


def test_blocks_change_nothing(rng, monkeypatch):
    x, y = rng.normal(size=(9, 3, 4)), rng.normal(size=(7, 4))
    whole = dist.kernel_distance(x, y, dist.polynomial_kernel)
    monkeypatch.setattr(dist, "BLOCK", 2)
    assert dist.kernel_distance(x, y, dist.polynomial_kernel) == pytest.approx(whole, rel=1e-12)


def test_the_bandwidth_of_many_rows_is_that_of_every_so_manieth(rng, monkeypatch):
    y = rng.normal(size=(50, 3))
    monkeypatch.setattr(dist, "MAX_FOR_MEDIAN", 20)
    assert dist.median_bandwidth(y) == dist.median_bandwidth(y[::3])


# The metrics


def metric_of(kind, reference, **params):
    return kind(set_spec("fvd", params=params), lambda clip: np.zeros(2), lambda: reference)


def test_frechet_is_fitted_to_vectors_and_counts_clips(rng):
    reference, x = rng.normal(size=(30, 3, 4)), rng.normal(size=(12, 3, 4))
    x[5, 2] = np.nan
    metric = metric_of(set_distance.FrechetMetric, reference)
    rows = np.delete(x.reshape(36, 4), 17, axis=0)
    assert metric.distance(x) == pytest.approx(by_square_root(rows, reference.reshape(90, 4)), rel=1e-9)
    details = metric.details(x)
    assert (details["n"], details["d"], details["vectors"]) == (12, 4, 35)
    assert "n_to_infinity" in details
    with pytest.raises(Undefined, match="11 clips are fewer than 3 x d = 12"):
        metric.distance(x[:11])
    with pytest.raises(Undefined, match="the reference set's 11 clips are fewer than 3 x d = 12"):
        metric_of(set_distance.FrechetMetric, reference[:11]).distance(x)


def test_an_embedding_that_is_not_finite_is_a_failure():
    metric = set_distance.FrechetMetric(set_spec("fvd"), lambda clip: np.array([1.0, np.nan]), lambda: np.zeros((9, 2)))
    with pytest.raises(Unavailable, match="not finite"):
        metric.features(audio_clip(np.zeros((1, 800), np.float32)))


@pytest.mark.parametrize("kernel", ["cubic", "rbf"])
def test_what_depends_on_the_reference_alone_is_worked_out_once(tmp_path, rng, monkeypatch, kernel):
    reference, other, clips = (rng.normal(size=(n, 2, 3)) for n in (40, 30, 12))
    plain = metric_of(set_distance.KernelMetric, reference, kernel=kernel)

    def kept():
        return set_distance.KernelMetric(plain.spec, plain._embed, plain._load, cache=DiskCache(tmp_path))

    assert kept().distance(clips) == plain.distance(clips)
    elsewhere = plain.against(other).distance(clips)
    assert kept().against(other).distance(clips) == elsewhere != plain.distance(clips)
    expected = plain.distance(clips)
    worked_out = []
    within = dist.mean_within
    monkeypatch.setattr(dist, "mean_within", lambda x, kernel: worked_out.append(len(x.owner)) or within(x, kernel))
    assert kept().distance(clips) == expected
    assert kept().against(other).distance(clips) == elsewhere
    assert worked_out == [24, 24]  # Of the clips alone.


def test_an_estimate_takes_clips_of_different_lengths(rng):
    reference = rng.normal(size=(40, 2, 2))
    metric = metric_of(set_distance.KernelMetric, reference, kernel="cubic")
    clips = [rng.normal(size=(1 + i % 3, 2)) for i in range(12)]
    parts = {(f"p{i:02}", 0): clip for i, clip in enumerate(clips)}
    parts["p99", 0] = Outcome(status="undefined", reason="too short")
    found = set_estimate(MetricColumn("m", metric.spec, parts), metric)
    assert found.value == pytest.approx(metric.distance(dist.stack(clips)))
    assert (found.n_ok, found.n_undefined, found.extra["n"], found.extra["vectors"]) == (12, 1, 12, 24)
    assert found.ci is not None


def test_what_is_said_of_clips_needed_is_what_the_page_says():
    """And what the names that are recommended are."""
    page = (Path(__file__).parents[4] / "docs" / "reference-sets.md").read_text()
    names = {one.select for entry in CATALOGUE if entry.profile == "standard" for one in entry.choices()}
    plain = set_spec()
    for name, d in DIMENSIONS.items():
        spec = plain.model_copy(update={"name": name, "profile": "standard"})
        assert f"| {d:,} | {3 * d:,} |" in next(line for line in page.splitlines() if line.startswith(f"| `{name}`"))
        assert needed(spec).startswith(f"{name} takes {3 * d:,} clips on each side")
        found = re.findall(r"([a-z_@]+) takes", for_fewer(spec))
        assert set(found) <= names
        assert found[-1].startswith(f"{name}@")
        assert for_fewer(spec.model_copy(update={"protocol": "bench@1"})) == ""
        assert "@" not in for_fewer(spec.model_copy(update={"profile": "embedded"}))
    assert set(KERNELS.values()) == {"kvd", "kad"}
    assert needed(plain.model_copy(update={"name": "kad"})) == "kad takes 10 clips on each side"
    assert needed(plain.model_copy(update={"name": "is_panns"})) == ""


def test_what_is_recommended_for_twenty_clips_can_be_computed_from_so_few(rng):
    made, real = rng.normal(size=(20, 400)), rng.normal(size=(20, 400))
    spec = set_spec("fvd").model_copy(update={"profile": "standard"})
    whole = set_distance.FrechetMetric(spec, lambda clip: made[0], lambda: real)
    recommended = "kvd takes 10, fvd@javisbench takes 2, from the prompts' own clips"
    with pytest.raises(Undefined, match=re.escape(f"20 clips are fewer than 3 x d = 1200 ({recommended})")):
        whole.distance(made)
    kernel = metric_of(set_distance.KernelMetric, real, kernel="cubic")
    published = metric_of(set_distance.PublishedFrechet, real)
    for metric, least in ((kernel, 10), (published, 2)):
        assert np.isfinite([metric.distance(made), metric.distance(made[:least])]).all()
        with pytest.raises(Undefined, match=f"{least - 1} clips are fewer than {least}"):
            metric.distance(made[: least - 1])
        with pytest.raises(Undefined, match="1 vectors of real clips are fewer than 2"):
            metric.against(real[:1]).distance(made)


# Many sets of the same clips


def chosen_of(rng, count, clips, least):
    """Random masks of at least so many clips; the first has all of them."""
    masks = np.array([rng.permutation(clips) < rng.integers(least, clips + 1) for _ in range(count)])
    masks[0] = True
    return masks


@pytest.mark.parametrize("kernel", [dist.polynomial_kernel, dist.rbf_kernel(2.0)], ids=["cubic", "rbf"])
@pytest.mark.parametrize("shape", [(11, 4), (11, 3, 4)], ids=["one vector", "several"])
@pytest.mark.parametrize("held", [1, 60, 2**23])
def test_kernel_distances_of_many_sets_are_those_of_each(rng, monkeypatch, kernel, shape, held):
    monkeypatch.setattr(many, "BLOCK_NUMBERS", held)
    x, y = rng.normal(size=shape) + 0.3, rng.normal(size=(9, 2, 4))
    if len(shape) == 3:
        x[2, 1:] = x[7, 2] = np.nan
    chosen = chosen_of(rng, 20, len(x), least=2)
    expected = [dist.kernel_distance(x[one], y, kernel) for one in chosen]
    np.testing.assert_allclose(many.kernel_distances(x, y, kernel, chosen), expected, rtol=1e-11, atol=1e-13)


def test_kernel_distances_by_hand():
    # exp(-|x - y|^2 / 2) of clips at 0, 0 and 2 from clips at 0 and 2; e = exp(-2). Within y: e.
    x, y, e = np.array([[0.0], [0.0], [2.0]]), np.array([[0.0], [2.0]]), np.exp(-2)
    chosen = np.array([[True, True, False], [True, False, True], [True, True, True]])
    found = many.kernel_distances(x, y, dist.rbf_kernel(1.0), chosen)
    # {0, 0}: 1 + e - 2 (1 + e) / 2. {0, 2}: e + e - (1 + e). All: (1 + 2 e) / 3 + e - (1 + e).
    assert found == pytest.approx([0.0, e - 1, (1 + 2 * e) / 3 - 1])


def test_a_set_of_one_clip_has_no_kernel_distance(rng):
    with pytest.raises(ValueError, match="at least 2 clips"):
        many.kernel_distances(
            rng.normal(size=(3, 2)), rng.normal(size=(4, 2)), dist.polynomial_kernel, np.eye(3, dtype=bool)
        )


@pytest.mark.parametrize(("kind", "params"), [
    (set_distance.FrechetMetric, {}), (set_distance.PublishedFrechet, {}),
    (set_distance.KernelMetric, {"kernel": "rbf", "scale": 100}),
    (set_distance.KernelMetric, {"kernel": "cubic"}),
])  # fmt: skip
@pytest.mark.parametrize("vectors", [1, 3])
def test_tests_and_intervals_are_those_of_sets_measured_one_by_one(rng, kind, params, vectors):
    metric = metric_of(kind, rng.normal(size=(40, 3, 4)), **params)
    grids = rng.normal(size=(2, 24, 2, vectors, 4)) + np.array([0.0, 0.2]).reshape(2, 1, 1, 1, 1)
    grids[:, 3, 1] = np.nan  # A seed of this prompt that neither model made.
    grids[0, 5, 0, 1:] = np.nan
    a, b = grids if vectors > 1 else grids[:, :, :, 0]
    both = np.concatenate([a, b])
    shared = stats.paired_test_of_chosen(distances(metric, both), 24, np.random.default_rng(1), 99)
    alone = stats.paired_set_test(partial(mean_distance, metric), a, b, np.random.default_rng(1), 99)
    assert shared.p == alone.p
    assert (shared.delta, *shared.ci) == pytest.approx((alone.delta, *alone.ci), rel=1e-10)
    interval = stats.jackknife_of_chosen(distances(metric, a), 24)
    expected = stats.jackknife_interval(partial(mean_distance, metric), a)
    assert (interval.lo, interval.hi) == pytest.approx((expected.lo, expected.hi), rel=1e-10)


def test_too_few_clips_of_one_of_many_sets_are_undefined(rng):
    metric = metric_of(set_distance.KernelMetric, rng.normal(size=(30, 4)), kernel="cubic")
    chosen = np.ones((3, 11), dtype=bool)
    assert len(metric.distances(rng.normal(size=(11, 4)), chosen)) == 3
    chosen[1, :2] = False
    with pytest.raises(Undefined, match="9 clips are fewer than 10"):
        metric.distances(rng.normal(size=(11, 4)), chosen)


def test_the_kernel_of_a_pair_is_computed_once_however_many_sets_have_it(rng):
    pairs = []

    def counted(x, y):
        pairs.append(len(x) * len(y))
        return dist.polynomial_kernel(x, y)

    x, y = rng.normal(size=(20, 4)), rng.normal(size=(50, 4))
    many.kernel_distances(x, y, counted, chosen_of(rng, 300, 20, 10), within_y=0.0)
    assert sum(pairs) == 20 * 20 + 20 * 50
