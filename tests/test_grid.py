"""The order of scoring: one network in memory at a time, whatever the order gives the same rows."""

from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest

import jova_bench
from jova_bench import media
from jova_bench.metrics.resident import resident
from jova_bench.store import read_run
from jova_bench.types import MetricSpec, Outcome

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


class Judge:
    """The loudest sample as a network says it."""

    def __init__(self, name, backend, weights, profile="standard"):
        self.spec = MetricSpec(
            name=name, version=1, profile=profile, backend=backend, weights=weights, direction="up", needs=("audio",),
            domain="any", description="loudest sample",
        )  # fmt: skip
        self.die = None

    def check(self):
        return None

    def score(self, clip, prompt, reference):
        value = float(clip.audio.max()) * 16
        ASKED.append((self.spec.name, round(value)))
        if self.spec.weights is not None:
            resident(self.spec.backend, lambda: BUILT.append(self.spec.backend))
        if self.die == round(value):
            self.die = None
            raise KeyboardInterrupt
        return Outcome(status="ok", value=value)


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
def judges():
    BUILT.clear()
    ASKED.clear()
    resident("nothing", object)
    return [
        Judge("light", "peak", None), Judge("first", "net-a", "aa"), Judge("second", "net-b", "bb"),
        Judge("third", "net-a", "aa"), Judge("heavy", "ear", None),
    ]  # fmt: skip


def score(folder, judges, out, **options):
    return jova_bench.score(folder, metrics=judges, device="cpu", out=folder.parent / out, workers=0, **options)


def rows(folder, out):
    return sorted(row.model_dump_json() for row in read_run(folder.parent / out).scores)


def test_each_network_is_loaded_once_and_light_metrics_share_a_pass(folder, judges):
    told = Told()
    score(folder, judges, "run", progress=told)
    assert BUILT == ["net-a", "net-b"]
    by_pass = [("light", "heavy"), ("first", "third"), ("second",)]
    assert [(name, clip) for names in by_pass for clip in (1, 2, 3) for name in names] == ASKED
    assert ["score", 9, 9] in told.phases


def test_the_order_changes_no_row(folder, judges):
    score(folder, judges, "run")
    score(folder, judges[::-1], "reversed")
    assert rows(folder, "run") == rows(folder, "reversed")
    assert len(rows(folder, "run")) == 15


def test_a_scoring_that_is_stopped_between_networks_goes_on(folder, judges):
    judges[2].die = 2  # The second clip of the second network.
    with pytest.raises(KeyboardInterrupt):
        score(folder, judges, "run")
    ASKED.clear()
    score(folder, judges, "run")
    assert ASKED == [("second", 2), ("second", 3)]  # What had an answer is not asked again.
    score(folder, judges, "whole")
    assert rows(folder, "run") == rows(folder, "whole")


def test_embedded_networks_are_tiny_so_a_clip_is_decoded_once(tmp_path):
    from jova_bench import scoring
    from jova_bench.suites import load_suite

    scoring._read.cache_clear()
    ASKED.clear()
    judges = [Judge("first", "net-a", "aa", "embedded"), Judge("second", "net-b", "bb", "embedded")]
    jova_bench.run(
        ["real"], load_suite("embedded"), metrics=judges, limit=2, device="cpu", out=tmp_path / "run", workers=0
    )
    assert [name for name, _ in ASKED] == ["first", "second"] * 2
    assert scoring._read.cache_info().misses == 2


def test_workers_have_room_for_the_largest_network():
    from jova_bench.placement import judge_count

    assert judge_count(("cpu",), "embedded", 16, 32 * 10**9) == 16
    assert judge_count(("cpu",), "standard", 16, 32 * 10**9) == 4
    assert judge_count(("cpu",), "standard", 16, 2 * 10**9) == 1
    assert judge_count(("cuda:0",), "standard", 16, 32 * 10**9) == 4
    assert judge_count(("cuda:0", "cuda:1"), "standard", 16, 32 * 10**9) == 8
