"""Judges of lips and sound: each says its name and domain, and what it cannot tell has no number."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from jova_bench.assets.table import asset_table
from jova_bench.data.sync import at_hand, sync_judge
from jova_bench.errors import BenchError, Undefined
from support import every_asset
from support.upstream import own_table

MIDDLE = (128, 128)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of SyncNet, and a detector that sees one face in the middle of a square picture."""
    folder = tmp_path_factory.mktemp("weights")
    return asset_table(own_table(folder, every_asset.written(folder, "syncnet", "s3fd")))


@pytest.fixture
def spoken(real_clips):
    """Frames of 256 pixels and samples of a clip."""
    big = [cv2.resize(one, (256, 256), interpolation=cv2.INTER_CUBIC) for one in real_clips[0].frames[:45]]
    return np.stack(big), real_clips[0].audio[0, : 45 * 640]


def test_syncnet_judges_filmed_faces_as_the_metric_does(weights, spoken):
    judge = sync_judge("syncnet", weights)
    assert judge.missing is None
    assert at_hand(weights) == "syncnet"
    found = judge.judge(spoken[0], Fraction(25), spoken[1], 16_000, MIDDLE)
    assert -15 <= found.offset_frames <= 15
    assert np.isfinite(found.confidence)
    assert f"[{weights.digest('syncnet')},{weights.digest('s3fd')}]" in found.by
    assert "filmed faces" in found.by


def test_without_weights_nothing_is_at_hand_and_the_command_that_gets_them_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    assert at_hand(asset_table()) == "none"
    assert "jova-bench assets pull syncnet s3fd" in sync_judge("syncnet", asset_table()).missing
    assert sync_judge("none", asset_table()) is None
    with pytest.raises(BenchError, match="did you mean 'embedded'"):
        sync_judge("embeded", asset_table())


@pytest.mark.parametrize("lag", [-5, 0, 4])
def test_the_shipped_judge_finds_the_lag_of_drawn_heads(spoken, lag):
    moved = np.roll(spoken[1], lag * 640)
    judge = sync_judge("embedded", asset_table())
    found = judge.judge(spoken[0], Fraction(25), moved, 16_000, MIDDLE)
    assert found.offset_frames == -lag
    # At twice the rate its frames are every second one.
    twice = judge.judge(spoken[0].repeat(2, axis=0), Fraction(50), moved, 16_000, MIDDLE)
    assert twice.offset_frames == -lag


def test_what_is_too_short_has_no_number(spoken):
    with pytest.raises(Undefined, match="too short"):
        sync_judge("embedded", asset_table()).judge(spoken[0][:10], Fraction(25), spoken[1][:6400], 16_000, MIDDLE)
