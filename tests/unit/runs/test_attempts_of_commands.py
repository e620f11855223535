"""Attempts over several commands: of another version of a model, and of one that was killed."""

import contextlib
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from jova_bench import BenchError
from jova_bench.errors import EXIT_OK
from jova_bench.models.base import Plan
from jova_bench.runs.manifest import plan_record
from jova_bench.runs.store import BEGUN, SAMPLES, RunStore, read_run
from support.scripted import Scripted, counts, lines
from support.tiny_runs import Level, Tones, go


def test_answers_of_another_version_do_not_stand_under_its_name(tmp_path):
    go(tmp_path, [Scripted({"p0": ["not a number"]})], [Level()], limit=1)
    with pytest.raises(BenchError, match=r"has answers \(ask again with retry_answered=\) of another version of 'scri"):
        go(tmp_path, [Scripted({}, version=2)], [Level()], limit=1)
    result = go(tmp_path, [Scripted({}, version=2)], [Level()], limit=1, retry_answered=True)
    assert (result.exit_code, result.attempts) == (EXIT_OK, counts(samples=1, attempts=2, redrawn=1))


@pytest.mark.parametrize("ends", [[KeyboardInterrupt()], ["crashes"]])
def test_a_refusal_of_one_version_is_not_that_of_the_next(tmp_path, ends):
    """The second version was to be asked again, and had no time to answer: the first one's refusal is not its own."""
    go(tmp_path, [Scripted({"p0": ["refuses"]})], [Level()], limit=1)
    with contextlib.suppress(KeyboardInterrupt):
        go(tmp_path, [Scripted({"p0": ends}, version=2)], [Level()], limit=1, retry_answered=True)
    away = Scripted({}, version=2)
    away.check = lambda: "weights missing: all"
    go(tmp_path, [away], [Level()], limit=1)
    result = go(tmp_path, [Scripted({}, version=2)], [Level()], limit=1)
    assert (result.exit_code, lines(tmp_path, "p0")[-1][1:]) == (EXIT_OK, ("ok", True))


def test_an_answer_stands_under_its_version_when_another_was_not_asked(tmp_path):
    go(tmp_path, [Scripted({"p0": ["refuses"]})], [Level()], limit=1)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, [Scripted({"p0": [KeyboardInterrupt()]}, version=2)], [Level()], limit=1, retry_answered=True)
    first = Scripted({})
    go(tmp_path, [first], [Level()], limit=1)
    assert (lines(tmp_path, "p0"), first.calls) == ([(1, "refused", True), (2, "failed", False)], [])


def test_plans_without_a_difference_have_one_digest():
    record = partial(plan_record, "m", "p")
    one = Plan(frames=50, fps=25, seconds=2.0, note="a", settings={"steps": 25, "fast": True})
    same = record(Plan(frames=50, fps=25.0, seconds=2.0, note="b", settings={"fast": 1, "steps": 25.0}))
    assert record(one).differences(same) is None
    assert record(one).digest() == same.digest()
    for other in (replace(one, fps=24), replace(one, weights="w"), replace(one, settings={"steps": 25, "fast": False})):
        assert record(one).differences(record(other)) is not None
        assert record(one).digest() != record(other).digest()


KILL = """
import os, signal, sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from support.tiny_runs import Level, Tones, go

class Deadly(Tones):
    def generate(self, prompts, seed, suite):
        for prompt, made in zip(prompts, super().generate(prompts, seed, suite)):
            if prompt.id == "p3":
                os.killpg(0, signal.SIGKILL)
            yield made

go(Path({tmp!r}), [Deadly()], [Level()])
"""


def test_what_was_under_way_when_a_command_was_killed_is_an_attempt_that_the_machine_lost(tmp_path):
    code = KILL.format(tests=str(Path(__file__).parents[2]), tmp=str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", code], check=False, start_new_session=True)
    assert killed.returncode == -signal.SIGKILL
    assert (lines(tmp_path, "p1"), lines(tmp_path, "p2")) == ([(1, "ok", True)], [])
    with pytest.raises(KeyboardInterrupt):  # The batch of both once more, and what had ended before.
        go(tmp_path, [Tones(die=("p2", 0))], [Level()])
    model = Tones()
    result = go(tmp_path, [model], [Level()])
    assert [ids for ids, _ in model.calls] == [("p2", "p3"), ("p4",)]
    assert lines(tmp_path, "p1") == lines(tmp_path, "p4") == [(1, "ok", True)]
    assert (
        lines(tmp_path, "p2") == lines(tmp_path, "p3") == [(1, "failed", False), (2, "failed", False), (3, "ok", True)]
    )
    assert result.attempts == counts(model="tones", samples=5, attempts=9)
    assert not (tmp_path / "run" / BEGUN).exists()


def test_a_batch_that_ended_before_the_kill_is_no_attempt_more(tmp_path):
    go(tmp_path, [Scripted({"p1": ["crashes"]})], [Level()])
    run = tmp_path / "run"
    latest = {one.prompt_id: one for one in read_run(run).samples}
    lost = latest["p0"].model_copy(update={"status": "failed", "clip": None, "attempt": 2, "reason": "x"})
    (run / BEGUN).write_text("".join(f"{one.model_dump_json()}\n" for one in (latest["p1"], lost)))
    before = (run / SAMPLES).read_bytes()
    with RunStore(run):
        pass
    assert (run / SAMPLES).read_bytes() == before
    (run / latest["p0"].clip).unlink()  # Now it had not ended: a clip was made in the place of one that was lost.
    (run / BEGUN).write_text(f"{lost.model_dump_json()}\n")
    with RunStore(run) as store:
        assert store.samples()[0] == lost
