"""The peak memory of a metric is that of a process of its own."""

import subprocess
import sys

import numpy as np
import pytest

from jova_bench import cli
from jova_bench.cache import NoCache
from jova_bench.execution.base import Local, LocalContext
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build_all
from jova_bench.tools import memory

PEAKS = """
import numpy as np
from jova_bench.tools import memory
before = memory.peak_bytes()
block = np.ones(100_000_000, np.uint8)
during = memory.peak_bytes()
del block
print(before, during, memory.peak_bytes())
"""


def test_a_peak_holds_what_was_allocated_and_never_falls():
    # In a process of its own: this one has had a peak that a small block may not reach.
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    before, during, after = map(int, done.stdout.split())
    assert before + 50_000_000 < during < before + 400_000_000
    assert after > during - 1_000_000  # Linux counts in batches of pages.


def test_the_made_up_clip_is_heard_and_moves():
    clip = memory.made_up()
    assert clip.frames.shape == (125, 224, 224, 3)
    assert clip.audio.shape == (1, 80_000)
    assert np.abs(clip.audio).max() == pytest.approx(0.3, abs=0.01)
    assert (clip.frames[0] != clip.frames[1]).mean() > 0.9


@pytest.mark.slow
def test_doctor_measures_what_can_run_here(capsys, monkeypatch, tmp_path):
    there = [
        (select, metric) for select, metric in build_all(MetricContext(NoCache())) if select in ("loudness", "wer")
    ]
    for select, metric in there:
        if select == "wer":
            metric.check = lambda: "weights missing: x"
    # In the process that measures nothing of this is changed: it builds what the identity names.
    monkeypatch.setattr(memory, "build_all", lambda context: there)
    assert cli.main(["doctor", "--memory"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["interpreter", "loudness"]
    for line in lines:
        words = line.replace(",", "").split()
        assert words[-1] == "MB"
        assert 50 < int(words[-2]) < 5_000


def test_a_metric_without_a_value_has_no_peak(capsys, monkeypatch, tmp_path):
    import wave

    with wave.open(str(tmp_path / "silent.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(32_000))
    there = [(select, metric) for select, metric in build_all(MetricContext(NoCache())) if select == "loudness"]
    monkeypatch.setattr(memory, "build_all", lambda context: there)
    # What it says of a peak has nothing to do with the process that it is of.
    monkeypatch.setattr(memory, "on_cpu", lambda workers: Local(LocalContext("cpu")))
    assert cli.main(["doctor", "--memory", str(tmp_path / "silent.wav")]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split(maxsplit=1)[1].startswith("not measured: undefined: ")
    assert cli.main(["doctor", "--memory", str(tmp_path / "none.mp4")]) == 2
    assert capsys.readouterr().err.startswith(f"jova-bench: cannot decode {tmp_path / 'none.mp4'}")
