"""Which metrics share a pass over the clips, and which networks stay in memory."""

import numpy as np
import pytest
import torch

from jova_bench.assets import table as assets
from jova_bench.assets.records import RECORD
from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks.network_cache import ROOM_BYTES, cached_network, make_room, size_of
from jova_bench.runs.grouping import LOADING, UNKNOWN_BYTES, groups, networks

NEEDS = {"ear": {"a": 5}, "light": {}, "eye": {"b": 3}, "both": {"a": 5, "c": 1}, "again": {"a": 5}, "huge": {"d": 20}}


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (29, [["ear", "light", "eye", "both", "again", "huge"]]),
        # The largest is alone with what needs no network; 5 + 1 + 3 have room, network `a` counts once.
        (9, [["light", "huge"], ["ear", "eye", "both", "again"]]),
        (8, [["light", "huge"], ["ear", "both", "again"], ["eye"]]),
        # Without any room a network is loaded all the same, and then serves all that need no other.
        (0, [["light", "huge"], ["ear", "both", "again"], ["eye"]]),
    ],
)
def test_as_few_groups_as_have_room(room, expected):
    assert groups(NEEDS, room) == expected


def test_nothing_to_ask_makes_no_group():
    assert groups({}, 10) == []


def test_networks_are_told_by_what_a_metric_is(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    context = MetricContext(NoCache())
    found = {m.spec.name: networks(m.spec, context.assets) for m in build(None, "standard", context)}
    assert found["imagebind_score"] == found["javis_score"] == {"imagebind-huge": LOADING * 4_803_584_173}
    assert found["identity_score"].keys() == {"s3fd", "facenet-vggface2"}
    assert found["wer"] == found["cer"]
    assert found["loudness"] == found["pesq"] == {}
    (tiny,) = build(["wer@whisper-tiny"], "standard", context)
    assert networks(tiny.spec, context.assets) == {"whisper-tiny": LOADING * 75_572_083}
    assert all(networks(m.spec, context.assets) == {} for m in build(None, "embedded", context))
    assert networks(tiny.spec.model_copy(update={"weights": "0" * 12, "name": "other"}), context.assets) == {
        "whisper-tiny/transformers": UNKNOWN_BYTES
    }


def test_a_damaged_record_of_digests_is_no_matter_of_a_metric_without_weights(monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / RECORD).write_text("[1")
    context = MetricContext(NoCache())
    (loudness,) = build(["loudness"], "standard", context)
    assert networks(loudness.spec, context.assets) == {}


@pytest.fixture
def built():
    yield (names := [])
    make_room(ROOM_BYTES)
    assert names


def asked(built, names, room=None):
    """Asks for networks as large as their names say."""
    if room is not None:
        make_room(room)
    for name in names:
        cached_network(name, lambda name=name: built.append(name) or np.zeros(int(name), np.uint8))
    return built


def test_networks_that_have_room_stay_whatever_the_order(built):
    # LSE asks for its detector and its judge in turn, clip by clip.
    assert asked(built, ["6", "4"] * 5, room=10) == ["6", "4"]


def test_the_network_asked_for_longest_ago_leaves_first(built):
    assert asked(built, ["3", "4", "3", "5"], room=10) == ["3", "4", "5"]
    built.clear()
    assert asked(built, ["3", "5", "4"]) == ["4"]


def test_one_network_may_be_larger_than_the_room(built):
    assert asked(built, ["20", "20", "1", "20"], room=10) == ["20", "1", "20"]


def test_other_room_begins_with_nothing_in_memory(built):
    asked(built, ["3"], room=10)
    assert asked(built, ["3"], room=10) == ["3", "3"]


def test_a_network_that_cannot_be_built_leaves_nothing_behind(built):
    def broken():
        raise ValueError("damaged")

    make_room(10)
    with pytest.raises(ValueError, match="damaged"):
        cached_network("7", broken)
    assert asked(built, ["7"]) == ["7"]


def test_sizes_of_networks():
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))  # 6 + 2, then 2 + 2 + 2 + 2 and a count.
    assert size_of(net) == 4 * (8 + 8) + 8

    class Holder:
        def __init__(self):
            self.eye, self.head, self.name = net, torch.zeros(5, dtype=torch.float64), "holder"

    assert size_of(Holder()) == size_of(net) + 40
    assert size_of((net, [Holder()])) == size_of(net) + 40 + 0  # The same tensors once.
    assert size_of(object()) == 0
