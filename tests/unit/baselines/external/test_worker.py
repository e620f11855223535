"""The real worker of a baseline against a fake of its upstream: deaths, hangs, noise, and what becomes of the rest."""

import os
import socket
import subprocess
import sys
import tempfile
import time

import pytest

import jova_bench
from jova_baselines.external.client import Worker
from jova_baselines.ovi import plan as ovi
from jova_bench.runs import provenance
from jova_bench.runs.store import read_run
from support.asked import prompts, suite_of
from support.fake_upstreams import calls, installed
from support.made_runs import origin


@pytest.fixture
def small(monkeypatch):
    """Ovi makes 25 frames of 64 x 64."""
    monkeypatch.setitem(ovi.VARIANTS, "960x960_5s", ovi.Variant(frames=25, area=64 * 64))


@pytest.fixture
def baseline(tmp_path, monkeypatch, small):
    monkeypatch.setattr(provenance, "collect", lambda *_: origin("0"))  # Asks git and every package: slow, and tested.
    made = installed("ovi", tmp_path / "assets", monkeypatch, sample_timeout_s=60)
    made.options = {**made.options, "height": 64, "width": 64}
    yield made
    made.close()


def made(tmp_path, baseline, *captions, seeds=(0,)):
    """Samples by (prompt id, seed), from a whole run."""
    asked = suite_of(*prompts(*(f"a face {one}" for one in captions), transcript="good day"), folder=tmp_path)
    jova_bench.run([baseline], asked, profile="standard", seeds=seeds, out=tmp_path / "run", scoring=False)
    run = read_run(tmp_path / "run")
    return {(sample.prompt_id, sample.seed): sample for sample in run.samples}, run.manifest


def test_many_samples_of_one_load_and_each_has_its_own_fate(tmp_path, baseline):
    captions = ("", "[noise]", "[raise]", "[silent]", "[mute]", "[eat]", "[still]")
    samples, manifest = made(tmp_path, baseline, *captions, seeds=(3, 4))
    assert baseline.check() is None
    asked = calls(baseline)
    assert [one["call"] for one in asked] == ["load"] + ["generate"] * 14
    assert [one["seed"] for one in asked[1:]] == [3] * 7 + [4] * 7
    assert asked[1]["text_prompt"] == "a face. The person says, <S>good day<E>. Audio: a voice."
    assert asked[0]["device"] == "cpu"
    state = {i: (samples[f"p{i}", 3].status, samples[f"p{i}", 3].reason) for i in range(7)}
    nothing = "RuntimeError: Ovi gave nothing: ValueError: the prompt is too strange"
    assert state == {
        0: ("ok", None), 1: ("ok", None), 2: ("failed", nothing), 3: ("ok", None),
        4: ("failed", "no sound where the plan promises it"), 5: ("ok", None), 6: ("ok", None),
    }  # fmt: skip
    codes = {i: {finding.code for finding in samples[f"p{i}", 3].findings} for i in (0, 3, 6)}
    assert codes == {0: set(), 3: {"silent"}, 6: {"frozen"}}
    # Seeds make different clips; the same seed of another prompt the same picture.
    assert samples["p0", 3].clip_digest != samples["p0", 4].clip_digest
    assert samples["p0", 3].clip_digest == samples["p1", 3].clip_digest
    first, second = samples["p0", 3], samples["p1", 3]
    assert first.load_s > 0
    assert second.load_s is None
    assert 0 < first.generate_s < first.load_s
    assert first.function_evals == 100
    assert first.peak_memory_bytes > 1e6
    settings = manifest.fairness.settings["ovi"]
    assert settings["source"].endswith("Ovi@5b69b25a4b3115216e9ea53a37a04410be6ad39a")
    assert settings["options"]["steps"] == 50
    assert (settings["prompt_renderer"], settings["audio"], settings["seconds_asked"]) == ("ovi", "generated", 5.0)
    assert "MMAudio@eb13a1a98fdbec91753775c57b074ccdfc60587c, licence CC-BY-NC-4.0" in settings["weights"][2]


def test_a_death_costs_its_sample_and_no_other(tmp_path, baseline):
    samples, _ = made(tmp_path, baseline, "", "[exit]", "[exit once]")
    assert [samples[f"p{i}", 0].status for i in range(3)] == ["ok", "failed", "ok"]
    died = samples["p1", 0].reason
    assert died.startswith("the worker ended with 137: ")
    assert died.endswith("terminate called after throwing")
    # Loaded at first, after each of the two deaths at p1, and after the one at p2.
    asked = [one["call"] for one in calls(baseline)]
    assert asked.count("load") == 4
    assert asked.count("generate") == 1 + 2 + 2
    assert samples["p2", 0].load_s > 0


def test_a_lack_of_memory_needs_a_new_process_and_is_tried_once_more(tmp_path, baseline):
    samples, _ = made(tmp_path, baseline, "[memory]", "")
    assert samples["p0", 0].reason.startswith("RuntimeError: Ovi gave nothing: RuntimeError: CUDA out of memory")
    assert samples["p1", 0].status == "ok"
    assert [one["call"] for one in calls(baseline)] == ["load", "generate"] * 3


def test_a_hang_is_killed_with_all_that_it_started_and_not_repeated(tmp_path, baseline):
    limits = baseline.manifest.limits.model_copy(update={"sample_timeout_s": 2.0})
    baseline.manifest = baseline.manifest.model_copy(update={"limits": limits})
    samples, _ = made(tmp_path, baseline, "[leave] [hang]", "")
    assert samples["p0", 0].reason.startswith("no answer within 2 s")
    assert samples["p1", 0].status == "ok"
    assert [one["call"] for one in calls(baseline)] == ["load", "generate", "load", "generate"]
    left = int((tmp_path / "assets/baselines/ovi/checkout/left.pid").read_text())
    assert not running(left)


def test_a_model_that_cannot_be_loaded_says_so_for_every_prompt_and_is_tried_once(tmp_path, baseline):
    (tmp_path / "assets/baselines/ovi/weights/Ovi/model_960x960.safetensors").rename(tmp_path / "elsewhere")
    assert "weights missing (Ovi/model_960x960.safetensors)" in baseline.check()
    baseline.check = lambda: None
    samples, _ = made(tmp_path, baseline, "", "")
    reason = "the model cannot be loaded: RuntimeError: no fusion checkpoint"
    assert [sample.reason for sample in samples.values()] == [reason] * 2
    assert [one["call"] for one in calls(baseline)] == ["load"]


def test_a_worker_ends_when_it_is_closed(tmp_path, baseline):
    made(tmp_path, baseline, "")
    (pid,) = {one["pid"] for one in calls(baseline)}
    assert not running(pid)
    assert "worker" not in vars(baseline)
    assert isinstance(baseline.worker, Worker)


def test_a_worker_does_not_outlive_its_parent(tmp_path, baseline, monkeypatch):
    """The parent is killed in the middle of a sample, and can do nothing about its child."""
    command = baseline.worker.command
    program = f"""
import os, sys
from pathlib import Path
from jova_baselines.external.client import WorkerCommand, Worker
python, log = Path({str(command.python)!r}), Path({str(command.log)!r})
command = WorkerCommand(python, {dict(command.load)!r}, dict(os.environ), log, 60, 60)
Worker(command).generate(
    dict(prompt="[leave] [hang]", size=[64, 64], steps=1, solver="unipc", shift=5.0, video_guidance=4.0,
         audio_guidance=3.0, slg_layer=11, video_negative_prompt="", audio_negative_prompt="", image=None),
    0, Path({str(tmp_path)!r}))
"""
    parent = subprocess.Popen([sys.executable, "-c", program])
    left = tmp_path / "assets/baselines/ovi/checkout/left.pid"
    assert wait_until(lambda: left.is_file() and left.read_text())
    parent.kill()
    parent.wait()
    pids = [int(left.read_text()), calls(baseline)[0]["pid"]]
    assert wait_until(lambda: not any(map(running, pids)))


def wait_until(true, seconds=60):
    """Whether something comes true; it is asked for twenty times a second."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def running(pid):
    """Whether a process is there; a zombie that nobody reaps is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_processes_that_run_the_same_model_write_logs_of_their_own(baseline, monkeypatch):
    log = baseline.worker.command.log
    assert log.name == f"ovi-cpu-{socket.gethostname()}-{os.getpid()}.log"
    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(socket, "gethostname", lambda: "node2")  # A job's container has the same number there.
    monkeypatch.delitem(vars(baseline), "worker")
    assert baseline.worker.command.log == log.with_name("ovi-cpu-node2-1.log")


def test_a_shared_folder_that_cannot_be_written_keeps_no_log(tmp_path, baseline, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    log = tmp_path / "assets/baselines/ovi/log"
    log.touch()  # Nothing can be made in it, by root neither.
    samples, _ = made(tmp_path, baseline, "[exit]")
    assert samples["p0", 0].reason.startswith("the worker ended with 137: ")
    (own,) = tmp_path.glob("jova-bench-ovi-*/ovi-cpu-*.log")
    assert "terminate called" in own.read_text()
    assert log.read_bytes() == b""
