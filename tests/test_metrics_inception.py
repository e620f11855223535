"""Inception score of sound."""

import numpy as np
import pytest
from upstream import fake

from jova_bench import assets
from jova_bench.metrics import build, inception
from jova_bench.metrics.base import NoCache
from jova_bench.metrics.torch_metric import TorchSetMetric
from jova_bench.types import Undefined

NAMES = ["is_panns@avbenchmark", "is_passt@avbenchmark"]


def metric(select):
    return build([select], "standard", NoCache(), "cpu")[0]


@pytest.mark.parametrize(
    ("shape", "gain", "expected"), [((10, 20), 1, 1.0), ((37, 20), 3, 2.5089757), ((100, 527), 2, 3.6533680)]
)
def test_the_score_is_upstreams(shape, gain, expected):
    # compute_isc(fake(shape, "logits") * gain, None, 2020, True, 10) of hkchengrex/av-benchmark @050a5cd
    assert inception.avbenchmark((fake(shape, "logits") * gain).numpy()) == pytest.approx(expected, rel=1e-6)


def test_clips_of_different_classes_score_their_number_and_equal_or_unsure_ones_one():
    sure = 100.0 * np.eye(5)
    assert inception.score(sure) == pytest.approx(5)
    assert inception.score(np.repeat(sure[:1], 5, axis=0)) == pytest.approx(1)
    assert inception.score(np.zeros((5, 7))) == pytest.approx(1)
    # Two of one class and one of another: shares 2/3 and 1/3 on average.
    assert inception.score(sure[[0, 0, 1]]) == pytest.approx(np.exp(-(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))))


def test_more_clips_of_one_kind_score_higher():
    logits = fake((400, 50), "kind").numpy() * 3
    assert inception.avbenchmark(logits[:40]) < inception.avbenchmark(logits[:100]) < inception.avbenchmark(logits)


@pytest.mark.parametrize("name", NAMES)
def test_a_score_needs_ten_clips_and_no_real_ones(name, tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    one = metric(name)
    assert one.check().startswith("weights missing: jova-bench assets pull pa")
    assert one.spec.direction == "up"
    assert "reference" not in one.spec.identity
    logits = fake((10, 20), "logits").numpy()
    assert one.distance(logits) == pytest.approx(1)
    assert one.details(logits) == {"n": 10, "d": 20}
    with pytest.raises(Undefined, match="9 clips are fewer than 10, one for each part"):
        one.distance(logits[:9])
    with pytest.raises(Undefined, match="compares with no real clips"):
        one.reference()


def test_a_training_loop_may_ask_without_real_clips():
    one = metric(NAMES[0])
    one._embed = lambda clip: clip.audio[0, :20].astype(np.float64)
    wrapped = TorchSetMetric(one)
    for row in fake((37, 20), "logits") / 10:
        wrapped.update(None, row)
    kept = (fake((37, 20), "logits") / 10).numpy().astype(np.float64)
    assert wrapped.compute().item() == pytest.approx(inception.avbenchmark(kept), rel=1e-6)
    assert wrapped.why is None
