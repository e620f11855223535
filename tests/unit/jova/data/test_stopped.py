"""A corpus that is stopped while it is made says so in one line, and the same command finishes it."""

import os
import signal
import subprocess
import sys

import pytest

pytest.importorskip("cv2", reason="making the corpus needs jova-bench[corpus]")
pytest.importorskip("espeakng_loader", reason="making the corpus needs jova-bench[corpus]")

from jova.data import split
from jova.data.__main__ import main
from jova.data.folder import read_folder

AT_FIRST_CLIP = """
import os, signal, sys
from jova.data import __main__, split
from jova.stopping import stoppable

signal.signal(signal.SIGINT, signal.default_int_handler)

def stopped(jobs, *about, **more):
    next(iter(jobs))
    {kill}
    yield from jobs

split.track = stopped
assert "torch" not in sys.modules  # Each worker would load it, too: seconds, and hundreds of megabytes.
sys.exit(stoppable("jova.data", __main__.main))
"""
WORD = "jova.data: stopped{}; the same command continues where it was\n"


@pytest.mark.parametrize(
    ("kill", "code", "said"),
    [
        ("os.killpg(0, signal.SIGINT)", 130, WORD.format("")),  # as a terminal does
        ("os.killpg(0, signal.SIGTERM)", 143, WORD.format(" by SIGTERM")),  # as service managers do
    ],
)
def test_a_signal_ends_it_in_one_line(tmp_path, kill, code, said):
    words = ["--split", "validation", "--count", "40", "--out", str(tmp_path), "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-c", AT_FIRST_CLIP.format(kill=kill), *words],
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, done.stderr) == (code, said)
    made = [path for path in (tmp_path / "clips").glob("*.mp4") if ".part" not in path.name]
    assert 1 <= len(made) < 40
    assert not (tmp_path / "dataset.json").exists()


def test_what_a_killed_process_leaves_is_no_clip(tmp_path, monkeypatch, capsys):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "validation-00000.part99.mp4").write_bytes(b"half a")
    monkeypatch.setattr(sys, "argv", ["jova.data", "--split", "validation", "--count", "1", "--out", str(tmp_path)])
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with monkeypatch.context() as dies:
        dies.setattr(split, "_write", _killed)
        assert main() == 2
    assert capsys.readouterr().err.endswith("a process that made clips was killed, perhaps for want of memory\n")
    assert main() == 0
    assert [item.id for item in read_folder(tmp_path)] == ["validation-00000"]


def _killed(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
