"""A run gives the same result however often it is stopped, and more of it is the same command with more."""

import subprocess
import sys
from pathlib import Path

import pytest

from jova_bench.runs.generation import PlannedModel
from jova_bench.runs.request import Request
from jova_bench.runs.resume import missing_clips
from jova_bench.runs.store import RunStore, read_run
from support.tiny_runs import COUNT, Level, Spread, Tones, content, go, prompts


@pytest.mark.parametrize("die", [("p0", 0), ("p1", 0), ("p3", 0), ("p4", 1)])
def test_generation_that_is_killed_and_resumed_equals_an_unbroken_one(tmp_path, die):
    seeds = (0, 1)
    go(tmp_path, [Tones()], [Level(), Spread()], out="whole", seeds=seeds)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, [Tones(die=die)], [Level(), Spread()], seeds=seeds)
    resumed = Tones()
    result = go(tmp_path, [resumed], [Level(), Spread()], seeds=seeds)
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    # Batches are those of the whole suite, and finished ones are not made again.
    batches = [(ids, seed) for seed in seeds for ids in (("p0", "p1"), ("p2", "p3"), ("p4",))]
    assert (
        resumed.calls == batches[next(i for i, (ids, seed) in enumerate(batches) if die[0] in ids and die[1] == seed) :]
    )
    assert result.attempts[0].attempts == 2 * COUNT + len(resumed.calls[0][0])
    assert result.attempts[0].redrawn == 0


def test_clips_that_failed_or_were_lost_are_left_to_make(tmp_path):
    go(tmp_path, [Tones(batch_size=1, die=("p1", 0), error=RuntimeError)], [Level()])
    (tmp_path / "run" / next(s.clip for s in read_run(tmp_path / "run").samples if s.prompt_id == "p3")).unlink()
    planned = PlannedModel(Tones(), "tones", None, None, {})
    with RunStore(tmp_path / "run") as store:
        left = missing_clips(planned, prompts(4), Request("standard", (0, 1), 4, "cpu"), store)
    assert left.todo == {("p1", 0), ("p3", 0), *((f"p{i}", 1) for i in range(4))}


@pytest.mark.parametrize("die", [0, 1, 4])
def test_scoring_that_is_killed_and_resumed_equals_an_unbroken_one(tmp_path, die):
    go(tmp_path, [Tones()], [Level(), Spread()], out="whole")
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, [Tones()], [Spread(die=die), Level()])
    level, spread, model = Level(), Spread(), Tones()
    go(tmp_path, [model], [level, spread])
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    assert model.calls == []
    # Extracted once, and not again for the clips whose features were kept.
    assert spread.extracted == COUNT - die


HARD_KILL = """
import os, sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from support.tiny_runs import Level, Spread, Tones, go

class Deadly(Level):
    def measure(self, clip, prompt, reference):
        if self.scored == 3:
            os._exit(9)
        return super().measure(clip, prompt, reference)

go(Path({tmp!r}), [Tones()], [Deadly(), Spread()])
"""


def test_a_process_that_vanishes_leaves_a_run_that_resumes(tmp_path):
    code = HARD_KILL.format(tests=str(Path(__file__).parents[2]), tmp=str(tmp_path))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert len(read_run(tmp_path / "run").scores) in (2, 3)
    go(tmp_path, [Tones()], [Level(), Spread()])
    go(tmp_path, [Tones()], [Level(), Spread()], out="whole")
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_more_seeds_models_metrics_and_prompts_are_the_same_command_with_more(tmp_path):
    go(tmp_path, [Tones()], [Level()], limit=3)
    first = read_run(tmp_path / "run")
    assert {sample.prompt_id for sample in first.samples} == {"p0", "p1", "p2"}
    level = Level()
    go(tmp_path, [Tones(), Tones("other")], [level, Level("again"), Spread()], seeds=(0, 1))
    assert level.scored == 2 * 2 * COUNT - 3
    go(tmp_path, [Tones(), Tones("other")], [Level(), Level("again"), Spread()], out="whole", seeds=(0, 1))
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_a_limit_does_not_change_the_batches(tmp_path):
    cut = Tones(batch_size=4)
    go(tmp_path, [cut], [Level()], limit=1)
    assert cut.calls == [(("p0", "p1", "p2", "p3"), 0)]
    assert len(read_run(tmp_path / "run").samples) == 1


def test_running_again_does_and_changes_nothing(tmp_path):
    go(tmp_path, [Tones()], [Level(undefined=("p1",), die=3, error=ValueError), Spread()])
    lines = [(tmp_path / "run" / name).read_bytes() for name in ("samples.jsonl", "scores.jsonl")]
    model, level = Tones(), Level(undefined=("p1",), die=0, error=ValueError)
    go(tmp_path, [model], [level, Spread()])
    assert [(tmp_path / "run" / name).read_bytes() for name in ("samples.jsonl", "scores.jsonl")] == lines
    assert model.calls == []
