"""The order of scoring: what has room together in one pass over the clips, and whatever the order the same rows."""

from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import jova_bench
from jova_bench.execution import placement
from jova_bench.execution.placement import Room
from jova_bench.media import files as media
from jova_bench.metrics.base import ClipMetric
from jova_bench.metrics.networks.network_cache import cached_network, make_room
from jova_bench.records import Sample
from jova_bench.runs import recorded, scoring
from jova_bench.runs.score_table import _in_order
from jova_bench.runs.store import read_run
from jova_bench.suites.loading import load_suite
from support.specs import clip_spec

CLIPS = 3
BUILT = []
"""Networks, as they were loaded."""
ASKED = []
"""(metric, clip) in order."""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clips").mkdir()
    for i in range(CLIPS):
        media.write(tmp_path / "clips" / f"{i}.wav", None, Fraction(0), np.full((1, 800), (i + 1) / 16, "f4"), 8_000)
    return tmp_path / "clips"


class Judge(ClipMetric):
    """The loudest sample as a network says it."""

    def __init__(self, name, backend, weights, profile="standard"):
        self.spec = clip_spec(name, profile=profile, backend=backend, weights=weights)
        self.die = None

    def check(self):
        return None

    def measure(self, clip, prompt, reference):
        value = float(clip.audio.max()) * 16
        ASKED.append((self.spec.name, round(value)))
        if self.spec.weights is not None:
            cached_network(self.spec.backend, lambda: BUILT.append(self.spec.backend) or np.zeros(1))
        if self.die == round(value):
            self.die = None
            raise KeyboardInterrupt
        return value


class Told:
    """Progress that counts."""

    def __init__(self):
        self.phases = []

    def say(self, line):
        pass

    @contextmanager
    def phase(self, title, total):
        self.phases.append([title, total, 0])
        yield lambda: self.phases[-1].__setitem__(2, self.phases[-1][2] + 1)


@pytest.fixture
def no_room(monkeypatch):
    """Memory for one network at a time."""
    monkeypatch.setattr(placement.Room, "for_networks", lambda self, workers: 0)


@pytest.fixture
def judges():
    BUILT.clear()
    ASKED.clear()
    make_room(0)
    return [
        Judge("light", "peak", None), Judge("first", "net-a", "aa"), Judge("second", "net-b", "bb"),
        Judge("third", "net-a", "aa"), Judge("heavy", "ear", None),
    ]  # fmt: skip


def score(folder, judges, out, **options):
    return jova_bench.score(folder, metrics=judges, device="cpu", out=folder.parent / out, workers=0, **options)


def rows(folder, out):
    return sorted(row.model_dump_json() for row in read_run(folder.parent / out).scores)


def test_metrics_that_have_room_together_share_one_pass(folder, judges):
    told = Told()
    score(folder, judges, "run", progress=told)
    assert BUILT == ["net-a", "net-b"]
    names = [judge.spec.name for judge in judges]
    assert [(name, clip) for clip in (1, 2, 3) for name in names] == ASKED
    assert ["score", 3, 3] in told.phases


def test_without_room_each_network_has_a_pass_and_light_metrics_share_one(folder, judges, no_room):
    told = Told()
    score(folder, judges, "run", progress=told)
    assert BUILT == ["net-a", "net-b"]
    by_pass = [("light", "first", "third", "heavy"), ("second",)]
    assert [(name, clip) for names in by_pass for clip in (1, 2, 3) for name in names] == ASKED
    assert ["score", 6, 6] in told.phases


def test_the_order_changes_no_row(folder, judges):
    score(folder, judges, "run")
    score(folder, judges[::-1], "reversed")
    assert rows(folder, "run") == rows(folder, "reversed")
    assert len(rows(folder, "run")) == 15


def test_a_scoring_that_is_stopped_between_networks_goes_on(folder, judges, no_room):
    judges[2].die = 2  # The second clip of the second network.
    with pytest.raises(KeyboardInterrupt):
        score(folder, judges, "run")
    ASKED.clear()
    score(folder, judges, "run")
    assert ASKED == [("second", 2), ("second", 3)]  # What had an answer is not asked again.
    score(folder, judges, "whole")
    assert rows(folder, "run") == rows(folder, "whole")


@pytest.fixture
def decoded(monkeypatch):
    """(file, whether its picture) of every clip that scoring decodes."""
    found = []
    read = media.read

    def reading(path, **how):
        found.append((path.name, how.get("pictures", True)))
        return read(path, **how)

    for module in (scoring, recorded):  # Generation reads what it made, too.
        monkeypatch.setattr(module, "media", SimpleNamespace(read=reading))
    return found


def test_a_clip_is_decoded_once_for_all_its_metrics(tmp_path, decoded):
    ASKED.clear()
    judges = [Judge("first", "net-a", "aa", "embedded"), Judge("second", "net-b", "bb", "embedded")]
    jova_bench.run(
        ["real"], load_suite("embedded"), metrics=judges, limit=2, device="cpu", out=tmp_path / "run", workers=0
    )
    assert [name for name, _ in ASKED] == ["first", "second"] * 2
    # Embedded evaluators ask for the picture's format, though these two hear its sound alone.
    assert decoded == [("test-00000.0.mp4", True), ("test-00001.0.mp4", True)]


def test_where_nothing_looks_the_picture_is_not_decoded(tmp_path, decoded):
    judges = [Judge("first", "net-a", "aa"), Judge("second", "net-b", "bb")]
    run = partial(
        jova_bench.run, ["real"], load_suite("embedded"), profile="standard", limit=1, device="cpu", workers=0
    )
    run(metrics=judges, out=tmp_path / "heard")
    assert decoded == [("test-00000.0.mp4", False)]
    heard = read_run(tmp_path / "heard").scores
    judges[1].spec = judges[1].spec.model_copy(update={"needs": ("video", "audio")})
    run(metrics=judges, out=tmp_path / "seen")
    assert decoded[1:] == [("test-00000.0.mp4", True)]
    assert [row.value for row in read_run(tmp_path / "seen").scores] == [row.value for row in heard]


def test_controls_do_not_stand_beside_the_clip_whose_sound_they_share(tmp_path):
    # Two workers take neighbours at the same time.
    order = [
        (sample.model, sample.seed, sample.prompt_id)
        for sample in _in_order(
            [
                Sample(model=model, prompt_id=prompt, seed=seed, status="ok")
                for prompt in ("test-00001", "test-00000")
                for seed in (1, 0)
                for model in ("still", "real")
            ],
            load_suite("embedded"),
        )
    ]
    assert order == sorted(order)


def test_workers_have_room_for_the_largest_clip_and_network():
    gigabyte = 10**9
    few = Room(devices=1, cores=16, memory=32 * gigabyte, device_memory=None, clip=0)
    # 25.6 GB usable; 1 GB each, and what the network takes.
    assert few.workers(0) == 16
    assert few.workers(6 * gigabyte) == 3
    assert few.workers(100 * gigabyte) == 1
    assert few.for_networks(4) == 5_400_000_000
    # 4 s of 4K at 60 frames a second: 240 x 2160 x 3840 x 3 bytes, here with a quarter more.
    large = replace(few, memory=24 * gigabyte, clip=240 * 2160 * 3840 * 3)
    assert large.workers(0) == 2
    assert replace(large, memory=12 * gigabyte).workers(0) == 1
    on_gpus = Room(devices=2, cores=16, memory=128 * gigabyte, device_memory=80 * gigabyte, clip=gigabyte)
    assert on_gpus.workers(6 * gigabyte) == 8
    assert replace(on_gpus, device_memory=24 * gigabyte).workers(6 * gigabyte) == 4
    assert replace(on_gpus, memory=20 * gigabyte).workers(6 * gigabyte) == 1
    assert on_gpus.for_networks(8) == 15 * gigabyte
