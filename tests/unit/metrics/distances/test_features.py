"""What users give as the features of a set of clips: every shape that has an answer, and one line for the others."""

import numpy as np
import pytest
import torch

from jova_bench.assets.table import asset_table
from jova_bench.cache import NoCache
from jova_bench.errors import BenchError, Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build_all
from jova_bench.metrics.distances.features import features_of, real_features
from jova_bench.metrics.distances.inception_score import InceptionScore
from jova_bench.runs.features import is_set_metric

MADE = np.random.default_rng(0).normal(size=(30, 4)).round(3)
REAL = np.random.default_rng(1).normal(size=(40, 4))
SETS = {select: one for select, one in build_all(MetricContext(NoCache(), assets=asset_table())) if is_set_metric(one)}


def measured(select):
    one = SETS[select]
    return one if isinstance(one, InceptionScore) else one.against(REAL)


@pytest.mark.parametrize("select", SETS)
def test_every_set_metric_takes_what_users_have(select):
    metric = measured(select)
    value = metric.distance(MADE)
    several = [
        list(MADE),
        tuple(MADE),
        MADE.tolist(),
        (row for row in MADE),
        torch.tensor(MADE),
        torch.tensor(MADE, requires_grad=True),
        [torch.tensor(row) for row in MADE],
    ]
    assert [metric.distance(given) for given in several] == [value] * len(several)
    assert metric.details(MADE.tolist()) == metric.details(MADE)


@pytest.mark.parametrize("select", SETS)
def test_every_set_metric_says_what_it_expected(select):
    metric = measured(select)
    for wrong in (None, 3, "clip.mp4", [], ["clip.mp4"], [1.0, 2.0], MADE[0], MADE > 0, MADE.astype(str), {"a": MADE}):
        with pytest.raises(BenchError, match=r"^expected features of clips as numbers, .*`features` gives .*, got .+$"):
            metric.distance(wrong)
    with pytest.raises(BenchError, match="expected finite features of clips, got NaN or infinity; leave those"):
        metric.distance(np.where(MADE > 1, np.nan, MADE))
    with pytest.raises(BenchError, match=r"expected a clip as `read_clip` returns it, got 'clip\.mp4'"):
        metric.features("clip.mp4")
    for few in (MADE[:0], MADE[:1]):
        if "mova" not in select or len(few) == 0:  # Of one clip, that bench has a score.
            with pytest.raises(Undefined, match=f"^{len(few)} (clips|vectors of clips) are fewer than "):
                metric.distance(few)
    if not isinstance(metric, InceptionScore):
        with pytest.raises(BenchError, match="expected features of 4 dimensions, as the real clips have them, got 3; "):
            metric.distance(MADE[:, :3])


def test_clips_with_several_vectors_are_stacked():
    """The second clip has one vector less: NaN stands in its place."""
    given = [np.ones((2, 3)), np.zeros((1, 3))]
    assert features_of(given).tolist()[0] == [[1, 1, 1], [1, 1, 1]]
    assert np.isnan(features_of(given)).tolist() == [[[False] * 3] * 2, [[False] * 3, [True] * 3]]
    with pytest.raises(BenchError, match=r"expected features of clips of one size, got \(2, 3\) and \(3,\)"):
        features_of([np.ones((2, 3)), np.zeros(3)])


def test_numbers_keep_their_type_and_real_ones_become_float64():
    whole = np.arange(6).reshape(3, 2)
    assert features_of(whole) is whole
    assert features_of(whole.astype(np.float16)).dtype == np.float16
    assert real_features(whole.tolist()).dtype == np.float64
    assert features_of(torch.tensor([[1.5, 2.0]], dtype=torch.bfloat16)).tolist() == [[1.5, 2.0]]
    with pytest.raises(BenchError, match="expected features of real clips, got none"):
        real_features(np.zeros((0, 4)))
