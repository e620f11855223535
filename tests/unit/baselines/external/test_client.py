"""The parent's side of a worker, with workers of a few lines."""

import os
import select
import sys
from pathlib import Path

import pytest

from jova_baselines.external.client import LoadFailed, SampleFailed, Worker, WorkerCommand
from jova_bench.errors import Refused, UnfitClip

HEAD = """
import os, sys, time
from pathlib import Path
HERE = Path(__file__).parent

def load(weights, device, options):
    import neighbour
    return neighbour.NAME + str(os.getcwd() == str(HERE)) + options["greeting"]
"""


@pytest.fixture
def worker(tmp_path):
    """Makes a worker of a `generate` function; its checkout has a module, and one that hides a standard one."""
    made = []

    def make(body, timeout_s=60.0, python=sys.executable):
        (tmp_path / "worker.py").write_text(f"{HEAD}\ndef generate(model, seed, folder, **arguments):\n{body}\n")
        (tmp_path / "neighbour.py").write_text("NAME = 'upstream '\n")
        load = {"worker": str(tmp_path / "worker.py"), "checkout": str(tmp_path), "weights": "", "device": "cpu"}
        load["options"] = {"greeting": " hello"}
        environment = {**os.environ, "PYTHONPATH": "/nowhere"}
        made.append(
            Worker(WorkerCommand(Path(python), load, environment, tmp_path / "logs" / "log", timeout_s, timeout_s))
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "sample"
    made.mkdir()
    return made


def test_arguments_go_there_and_results_come_back(worker, folder):
    one = worker("    return dict(file='x', said=[model, seed, arguments, folder])")
    answer = one.generate({"text": "ü \n", "size": [1, 2]}, 7, folder)
    said = ["upstream True hello", 7, {"text": "ü \n", "size": [1, 2]}, str(folder)]
    assert answer.result["said"] == said
    assert answer.load_s > 0
    again = one.generate({}, 8, folder)
    assert (again.result["said"][1], again.load_s) == (8, 0.0)


def test_what_the_model_answers_is_told_from_what_fails(worker, folder):
    one = worker("""
    text = arguments["text"]
    if text == "dark":
        return {"refused": "nothing dark"}
    if text == "bright":
        return {"audio": float("inf"), "rate_hz": 8}
    raise ValueError("too strange")""")
    with pytest.raises(Refused, match="nothing dark"):
        one.generate({"text": "dark"}, 0, folder)
    with pytest.raises(UnfitClip, match="ValueError: expected finite audio samples"):
        one.generate({"text": "bright"}, 0, folder)
    with pytest.raises(SampleFailed, match="ValueError: too strange"):
        one.generate({"text": "odd"}, 0, folder)


def test_what_a_killed_upstream_printed_is_the_reason(worker, folder):
    """A file, such as the log, would get it only in blocks of eight thousand letters."""
    one = worker("    print('out of tokens'); os.kill(os.getpid(), 9)")
    with pytest.raises(SampleFailed, match="out of tokens"):
        one.generate({}, 0, folder)


def test_a_second_attempt_finds_its_folder_empty(worker, folder):
    one = worker("""
    left = sorted(path.name for path in Path(folder).iterdir())
    (Path(folder) / "half").write_text("x")
    if not (HERE / "tried").exists():
        (HERE / "tried").touch()
        os._exit(9)
    return dict(file="half", left=left)""")
    assert one.generate({}, 0, folder).result["left"] == []


def test_a_signal_is_named(worker, folder):
    one = worker("    os.kill(os.getpid(), 11)")
    with pytest.raises(SampleFailed, match="the worker was killed by SIGSEGV"):
        one.generate({}, 0, folder)


def test_a_process_that_forked_cannot_hide_its_death(worker, folder):
    """A forked child holds the pipe of the answers, so its end is never seen there."""
    one = worker("""
    if os.fork() == 0:
        time.sleep(600)
    os._exit(3)""")
    with pytest.raises(SampleFailed, match="the worker ended with 3"):
        one.generate({}, 0, folder)


def test_an_answer_as_long_as_the_pipe_holds_and_more(worker, folder):
    one = worker("    return dict(file='x', long='a' * 300_000)")
    assert len(one.generate({}, 0, folder).result["long"]) == 300_000


def test_upstream_that_exits_has_failed(worker, folder):
    one = worker("    sys.exit('wrong arguments')")
    with pytest.raises(SampleFailed, match="SystemExit: wrong arguments"):
        one.generate({}, 0, folder)


def test_an_interpreter_that_is_not_there_is_told(worker, folder, tmp_path):
    one = worker("    return dict(file='x')", python=tmp_path / "no" / "python")
    for _ in range(2):
        with pytest.raises(LoadFailed, match=r"the model cannot be loaded: cannot load: .*No such file.*no/python"):
            one.generate({}, 0, folder)


def test_loading_that_hangs_is_ended_and_not_tried_again(worker, folder, tmp_path):
    one = worker("    pass", timeout_s=1.0)
    (tmp_path / "neighbour.py").write_text("import time; time.sleep(600)")
    for _ in range(2):
        with pytest.raises(LoadFailed, match="the model cannot be loaded: cannot load: no answer within 1 s"):
            one.generate({}, 0, folder)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="descendants are found on Linux alone")
@pytest.mark.parametrize("end", ["close", "_kill"])
@pytest.mark.parametrize("script", ["echo $$ >&{0}; exec sleep 600", "sleep 600 & echo $! >&{0}"])
def test_what_left_the_group_or_lost_its_parent_ends_with_the_worker(worker, folder, script, end):
    one = worker(f"""
    import subprocess
    read, write = os.pipe()
    script = {script!r}.format(write)
    subprocess.Popen(["sh", "-c", script], pass_fds=[write], start_new_session=True)
    return dict(file="x", pid=int(os.read(read, 20)))""")
    started = os.pidfd_open(one.generate({}, 0, folder).result["pid"])
    assert not select.select([started], [], [], 0)[0]
    getattr(one, end)()
    assert select.select([started], [], [], 60)[0]  # Readable when it has ended.
    os.close(started)


def test_closing_is_allowed_at_any_time(worker, folder):
    one = worker("    return dict(file='x')")
    one.close()
    one.generate({}, 0, folder)
    one.close()
    one.close()
    assert one.generate({}, 0, folder).load_s > 0


def test_a_late_or_second_answer_is_nobodys(worker, folder):
    one = worker("""
    import gc, io, json
    (pipe,) = (f for f in gc.get_objects() if isinstance(f, io.TextIOWrapper) and f.writable() and f.fileno() > 2)
    late = [json.dumps(dict(number=k, event="done", seconds=0, result="late")) for k in (1, 99)]
    for said in ("no JSON", "[1]", *late):
        pipe.write(said + "\\n")
    return dict(file="x", seed=seed)""")
    assert [one.generate({}, seed, folder).result["seed"] for seed in (5, 6, 7)] == [5, 6, 7]


def test_the_log_of_a_worker_that_chatters_keeps_its_beginning_and_its_end(worker, folder, tmp_path):
    one = worker("""
    print("first words", flush=True)
    for _ in range(200):
        print("x" * 99_999, flush=True)
    print("last words", flush=True)
    os._exit(3)""")
    with pytest.raises(SampleFailed, match=r"ended with 3: .*last words"):
        one.generate({}, 0, folder)
    content = (tmp_path / "logs" / "log").read_bytes()
    assert content.startswith(b"first words\n")
    assert b" bytes left out ...\n" in content
    assert len(content) < 5_000_000  # Of 20 MB.
