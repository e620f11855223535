"""Distances between sets: closed forms, invariances, bias, and the metrics that are built on them."""

import numpy as np
import pytest

from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable, Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.distances import base as set_distance
from jova_bench.metrics.distances import embedded as sets
from jova_bench.metrics.distances import frechet_kernel as dist
from jova_bench.metrics.networks import shipped_weights
from support.clips import silent_clip
from support.frechet import by_square_root
from support.specs import set_spec


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def with_moments(rng, n, mean, cov):
    """n rows whose sample mean and unbiased covariance are exactly these."""
    x = rng.normal(size=(n, len(mean)))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return x @ np.linalg.cholesky(cov).T + mean


@pytest.mark.parametrize(("n", "d", "tolerance"), [(200, 20, 1e-9), (15, 40, 1e-5)])
def test_a_set_is_at_distance_zero_from_itself(rng, n, d, tolerance):
    x = rng.normal(size=(n, d))
    assert dist.frechet(x, x) == pytest.approx(0, abs=tolerance)
    assert dist.frechet(x, rng.permutation(x)) == pytest.approx(0, abs=tolerance)


def test_shifted_unit_gaussians_are_the_squared_shift_apart(rng):
    shift = np.array([1.0, -2.0, 0.5, 0.0])  # 1 + 4 + 0.25
    x = with_moments(rng, 50, np.zeros(4), np.eye(4))
    y = with_moments(rng, 70, shift, np.eye(4))
    assert dist.frechet(x, y) == pytest.approx(5.25, abs=1e-9)


def test_diagonal_gaussians_have_a_closed_form(rng):
    # sum of (m1 - m2)^2 + (s1 - s2)^2 = (1 + 0 + 4) + ((1 - 3)^2 + (2 - 2)^2 + (0.5 - 1)^2) = 5 + 4.25
    x = with_moments(rng, 50, np.array([0.0, 1.0, 2.0]), np.diag([1.0, 4.0, 0.25]))
    y = with_moments(rng, 60, np.array([1.0, 1.0, 0.0]), np.diag([9.0, 4.0, 1.0]))
    assert dist.frechet(x, y) == pytest.approx(9.25, abs=1e-9)


def test_scaling_by_c_costs_c_minus_one_squared_times_the_variance(rng):
    x = rng.normal(size=(100, 6))
    x -= x.mean(axis=0)
    assert dist.frechet(x, 3 * x) == pytest.approx(4 * np.trace(np.cov(x, rowvar=False)), rel=1e-9)


def test_correlated_gaussians_agree_with_a_matrix_square_root(rng):
    a, b = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5)), rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5))
    assert dist.frechet(a, b) == pytest.approx(by_square_root(a, b), rel=1e-9)


@pytest.mark.parametrize("n", [120, 12])
def test_symmetric_and_blind_to_rotation_and_translation(rng, n):
    x, y = rng.normal(size=(n, 16)) * 2, rng.normal(size=(n + 5, 16)) + 0.5
    turn, _ = np.linalg.qr(rng.normal(size=(16, 16)))
    expected = dist.frechet(x, y)
    assert dist.frechet(y, x) == pytest.approx(expected, rel=1e-7)
    assert dist.frechet(x @ turn + 7, y @ turn + 7) == pytest.approx(expected, rel=1e-6)


def test_the_form_for_few_rows_is_the_same_distance(rng):
    x, y = rng.normal(size=(20, 50)), rng.normal(size=(30, 50)) @ np.diag(np.linspace(0.5, 2, 50)) + 0.3
    assert dist.frechet(x, y) == pytest.approx(by_square_root(x, y), rel=1e-6)


@pytest.mark.parametrize("bad", [np.zeros((1, 4)), np.zeros(4), np.array([[0.0, np.nan], [1.0, 2.0]])])
def test_impossible_features_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        dist.frechet(bad, np.eye(4))
    with pytest.raises(ValueError, match="one dimension"):
        dist.frechet(np.zeros((3, 2)), np.zeros((3, 4)))


def test_the_limit_of_many_clips_is_nearer_the_truth_than_100_clips(rng):
    # Truth: N(0, I) against N(0.3, I) in 32 dimensions is 32 * 0.09 = 2.88; 100 clips measure about 6.
    reference = dist.FrechetFrom(with_moments(rng, 50, np.zeros(32), np.eye(32)))
    raw, limits = [], []
    for _ in range(5):
        x = rng.normal(0.3, 1, (100, 32))
        raw.append(reference(x))
        limits.append(dist.n_to_infinity(x, reference))
    assert abs(np.mean([limit.value for limit in limits]) - 2.88) < 0.6 < 2 < np.mean(raw) - 2.88
    assert min(limit.r2 for limit in limits) > 0.95


def test_a_bias_of_exactly_c_over_n_is_removed_exactly(rng):
    limit = dist.n_to_infinity(rng.normal(size=(60, 3)), lambda rows: 7 + 12 / len(rows))
    assert limit.value == pytest.approx(7)
    assert limit.r2 == pytest.approx(1)


def test_subsets_are_seeded_and_without_replacement(rng):
    x = np.arange(40.0)[:, None]
    seen = []

    def record(rows):
        seen.append(rows)
        return float(rows.mean())

    first, again = dist.n_to_infinity(x, record), dist.n_to_infinity(x, record)
    assert first == again != dist.n_to_infinity(x, record, seed=1)
    assert all(len(np.unique(rows)) == len(rows) for rows in seen)
    assert {len(rows) for rows in seen} <= set(range(27, 41))  # 40 / 1.5 = 26.7


def test_polynomial_kernel_by_hand():
    # d = 2: (1, 2).(3, 4) = 11, 11 / 2 + 1 = 6.5, cubed 274.625
    assert dist.polynomial_kernel(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])) == pytest.approx(274.625)


def test_kernel_distance_by_hand():
    # x is {0, 1} and y {0, 2}. Pairs within x are 1 apart, within y 2; across 0, 2, 1 and 1, which are averaged.
    x, y = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])
    expected = np.exp(-0.5) + np.exp(-2) - (1 + np.exp(-2) + 2 * np.exp(-0.5)) / 2
    assert dist.kernel_distance(x, y, dist.rbf_kernel(1.0)) == pytest.approx(expected, abs=1e-12)


def test_median_bandwidth_is_of_pairs_of_different_rows():
    assert dist.median_bandwidth(np.array([[0.0], [1.0], [5.0]])) == pytest.approx(4)  # 1, 4, 5


@pytest.mark.parametrize("kernel", [dist.polynomial_kernel, dist.rbf_kernel(2.8)], ids=["cubic", "rbf"])
def test_kernel_distances_are_unbiased_and_grow_with_the_shift(rng, kernel):
    def sample(shift):
        return np.array(
            [dist.kernel_distance(rng.normal(shift, 1, (20, 4)), rng.normal(0, 1, (30, 4)), kernel) for _ in range(400)]
        )

    same, near, far = sample(0), sample(0.5), sample(1)
    assert abs(same.mean()) < 3 * same.std() / 20  # standard error of 400 draws
    assert (same < 0).mean() > 0.3
    assert same.mean() < near.mean() < far.mean()


# The metrics


def test_frechet_metric_needs_three_clips_per_dimension(rng):
    reference = rng.normal(size=(2000, 8))
    metric = set_distance.FrechetMetric(set_spec("fvd"), lambda clip: np.zeros(8), lambda: reference)
    with pytest.raises(Undefined, match="23 clips are fewer than 3 x d = 24"):
        metric.distance(reference[:23])
    assert metric.details(reference[:23]) == {"n": 23, "d": 8}
    x = rng.normal(size=(24, 8))
    assert metric.distance(x) == pytest.approx(dist.frechet(reference, x))
    details = metric.details(x)
    assert set(details) == {"n", "d", "n_to_infinity", "n_to_infinity_r2"}
    assert details["n_to_infinity"] < metric.distance(x)


@pytest.mark.parametrize(("name", "params"), [("kvd", {"kernel": "cubic"}), ("kad", {"kernel": "rbf", "scale": 100})])
def test_kernel_metric_is_the_scaled_kernel_distance(rng, name, params):
    reference, x = rng.normal(size=(200, 8)), rng.normal(1, 1, size=(40, 8))
    metric = set_distance.KernelMetric(set_spec(name, params=params), lambda clip: np.zeros(8), lambda: reference)
    kernel = dist.polynomial_kernel if name == "kvd" else dist.rbf_kernel(dist.median_bandwidth(reference))
    expected = dist.kernel_distance(x, reference, kernel) * params.get("scale", 1)
    assert metric.distance(x) == pytest.approx(expected, rel=1e-12)
    assert metric.details(x) == {"n": 40, "d": 8}
    with pytest.raises(Undefined, match="9 clips are fewer than 10"):
        metric.distance(x[:9])


def test_set_metrics_of_the_catalogue_ask_for_the_right_streams_and_stay_in_their_domain():
    frames = np.zeros((20, 64, 64, 3), np.uint8)
    clip = silent_clip(frames)
    for name, stream in (("fvd", "video"), ("kvd", "video"), ("fad", "audio"), ("kad", "audio")):
        metric = sets.build(MetricContext(NoCache(), "cpu"), name, reference="embedded-reference")
        assert metric.spec.needs == (stream, "reference_set")
        assert metric.spec.level == "set"
        assert "embedded-reference" in metric.spec.identity
        with pytest.raises(Undefined, match="outside the embedded domain"):
            metric.features(clip)


def test_a_reference_set_must_come_from_the_same_embedder(tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    weights = tmp_path / "video-embedder.safetensors"
    weights.write_bytes(b"any bytes")
    monkeypatch.setattr(shipped_weights, "FOLDER", tmp_path)
    monkeypatch.setattr(sets, "FOLDER", tmp_path)
    shipped_weights.digest.cache_clear()
    sets.reference_digest.cache_clear()
    missing = sets.build(MetricContext(NoCache(), "cpu"), "fvd", reference="real-clips")
    assert missing.check() == f"weights missing: {tmp_path / 'real-clips.safetensors'}"
    sets.reference_digest.cache_clear()

    features = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    for made_with in (shipped_weights.digest("video-embedder"), "000000000000"):
        save_file({"video": features}, tmp_path / "real-clips.safetensors", {"video_weights": made_with})
        if made_with == "000000000000":
            with pytest.raises(Unavailable, match="was made with video-embedder 000000000000"):
                sets.load_reference("real-clips", "video")
        else:
            np.testing.assert_array_equal(sets.load_reference("real-clips", "video"), features)
            assert sets.build(MetricContext(NoCache(), "cpu"), "fvd", reference="real-clips").check() is None
    shipped_weights.digest.cache_clear()
    sets.reference_digest.cache_clear()
