"""TOPIQ: its networks against the original's on random checkpoints, and THEval's aesthetics."""

import ast

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.picture import predictors as quality
from support import every_asset, upstream
from support.clips import silent_clip

PARITY = upstream.parity("topiq")
AESTHETICS = PARITY["outputs"]["iaa"]


def picture(size):
    return upstream.fake_pictures(ast.literal_eval(size), f"topiq {size}")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Random checkpoints in the published format."""
    return every_asset.written(tmp_path_factory.mktemp("weights"), "topiq-iaa")


@pytest.fixture
def own(files, own_assets):
    return own_assets(files)


def test_theval_averages_the_originals_ratings_of_every_frame(own):
    (metric,) = build(["aesthetic_score@theval"], "standard", MetricContext(NoCache()))
    for size, expected in AESTHETICS.items():
        # Votes on ten marks lie near their middle: what tells pictures apart is in the third digit.
        assert metric.score(silent_clip([picture(size)])).value == pytest.approx(expected, abs=5e-6)
    (first, one), (_, other) = AESTHETICS.items()
    frames = [picture(first), np.zeros_like(picture(first))]
    black = quality.TOPIQ_IAA.scores(frames[1][None], assets.asset_table(), "cpu")[0]
    assert metric.score(silent_clip([frames[0]] * 2 + [frames[1]])).value == pytest.approx(
        (2 * one + black) / 3, abs=5e-6
    )
    assert abs(one - other) > 1e-3
    assert metric.spec.direction == "target"


def test_another_checkpoint_is_refused(own_assets, tmp_path):
    torch.save({"params": {"h_emb": torch.zeros(1, 2, 3, 1)}}, tmp_path / "other.pth")
    own_assets({"topiq-iaa": tmp_path / "other.pth"})
    with pytest.raises(Unavailable, match="weights unreadable"):
        quality.TOPIQ_IAA.scores(np.zeros((1, 8, 8, 3), np.uint8), assets.asset_table(), "cpu")
