"""One holder at a time, named by its number; whatever ends it frees the lock."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from jova_bench.errors import NO_WINDOWS, BenchError
from jova_bench.files import locks
from jova_bench.files.locks import Busy, acquire
from jova_bench.runs.store import LOCK, RunStore

HOLD = """
import sys
from pathlib import Path
from jova_bench.files.locks import acquire
held = acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def holder(path):
    """A process that holds a lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    return process


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None])
def test_the_holder_is_named_and_frees_the_lock_however_it_ends(tmp_path, end):
    path = tmp_path / "lock"
    path.write_text("999999\n")  # What an earlier holder left.
    process = holder(path)
    for _ in range(2):  # One that was refused leaves the number where it is.
        with pytest.raises(Busy, match=rf"another process \(pid {process.pid}\) holds it"):
            acquire(path)
    process.stdin.close() if end is None else process.send_signal(end)
    process.wait()
    with acquire(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_run_folder_has_one_writer_which_is_named(tmp_path):
    with RunStore(tmp_path / "run"):
        pass
    process = holder(tmp_path / "run" / LOCK)
    with pytest.raises(BenchError, match=rf"\(pid {process.pid}\) is writing .*; wait for it or give another out="):
        RunStore(tmp_path / "run").__enter__()
    process.kill()
    process.wait()
    with RunStore(tmp_path / "run"):
        pass


def test_a_lock_file_that_its_holder_deleted_holds_nobody_else(tmp_path, monkeypatch):
    """Between opening and locking: a lock on the deleted file would let a third process in beside us."""
    path, flock, opened = tmp_path / "lock", fcntl.flock, []

    def deleted_meanwhile(file, how):
        if not opened:
            path.unlink()
        opened.append(file.fileno())
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", deleted_meanwhile)
    with acquire(path) as held:
        assert len(opened) == 2
        assert os.path.samestat(os.fstat(held.fileno()), path.stat())
        with pytest.raises(Busy):
            acquire(path)


def test_a_file_system_without_locks_is_no_other_process(tmp_path, monkeypatch):
    def flock(file, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(BenchError, match=r"expected a folder to write a run in, got .*: No locks available"):
        RunStore(tmp_path / "run").__enter__()


def test_where_nothing_can_be_written_the_folder_is_named(tmp_path):
    (tmp_path / LOCK).mkdir()  # As unwritable as a read-only folder, for root, too.
    with pytest.raises(BenchError, match=rf"expected a folder to write a run in, got {tmp_path}: Is a directory"):
        RunStore(tmp_path).__enter__()


AS_ON_WINDOWS = """
import signal, sys
del signal.SIGHUP
sys.modules["fcntl"] = None
import {first}
sys.platform = "win32"
{then}
"""


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        ("jova_bench.cli", "jova_bench.cli.entry()", 2),
        ("jova_bench", "import jova_bench.cli; jova_bench.cli.entry()", 2),
        ("jova_bench", "jova_bench.run", 1),
    ],
)
def test_a_system_without_posix_is_told_in_one_line(first, then, code):
    done = subprocess.run(
        [sys.executable, "-c", AS_ON_WINDOWS.format(first=first, then=then), "ls", "models"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, "")
    assert NO_WINDOWS in done.stderr.splitlines()[-1]
    if code == 2:
        assert done.stderr.count("\n") == 1


def test_asking_whether_a_lock_is_held_refuses_nobody(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    assert not locks.held(path)
    assert not path.exists()
    process = holder(path)
    assert locks.held(path)
    process.kill()
    process.wait()
    assert not locks.held(path)
    asking = os.open(path, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)  # A process that is just asking, until the other has waited a moment.
    monkeypatch.setattr(locks.time, "sleep", lambda seconds: fcntl.flock(asking, fcntl.LOCK_UN))
    with acquire(path):
        assert locks.held(path)
    os.close(asking)
