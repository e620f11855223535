"""What runs inside an upstream's environment, piece by piece."""

import io
import json
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from jova_baselines.external import child


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        (ValueError("a strange prompt"), False),
        (AssertionError(), False),
        (SystemExit(1), True),
        (KeyboardInterrupt(), True),
        (MemoryError(), True),
        (torch.OutOfMemoryError("x"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("shapes do not match"), False),
    ],
)
def test_after_what_a_process_cannot_be_trusted(error, fatal):
    assert child.is_fatal(error) is fatal


def worker(result):
    made = child.Worker()
    made.module = ModuleType("worker")
    made.module.generate = lambda model, seed, folder, **arguments: result
    return made


def test_a_result_is_written_for_the_parent(tmp_path):
    request = {"seed": 3, "folder": str(tmp_path), "arguments": {}}
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    result = worker({"frames": frames, "fps": 24, "audio": np.ones(7), "rate_hz": 16_000}).generate(request)
    peak = result.pop("peak_memory_bytes")
    assert result == {"frames": "frames.npy", "fps": 24, "audio": "audio.npy", "rate_hz": 16_000}
    assert peak > 1e6
    assert np.load(tmp_path / "frames.npy").shape == (2, 4, 4, 3)
    assert np.load(tmp_path / "audio.npy").shape == (1, 7)
    assert worker({"file": "x.mp4"}).generate(request)["file"] == "x.mp4"
    alone = worker({"audio": np.ones(7), "rate_hz": 16_000}).generate(request)
    assert (alone["audio"], "frames" in alone) == ("audio.npy", False)


def test_a_refusal_is_an_answer(tmp_path):
    asked = worker({"refused": "no faces"})
    assert asked.generate({"seed": 3, "folder": str(tmp_path), "arguments": {}}) == {"refused": "no faces"}
    assert asked.answered
    # A worker may say of every prompt whether it was refused.
    frames = {"frames": np.zeros((2, 4, 4, 3), np.uint8), "fps": 24}
    for no in (None, False, ""):
        made = worker({**frames, "refused": no}).generate({"seed": 3, "folder": str(tmp_path), "arguments": {}})
        assert made.keys() == {"frames", "fps", "peak_memory_bytes"}


@pytest.mark.parametrize(
    "result",
    [None, {}, {"refused": None}, {"frames": np.zeros(1), "file": "x.mp4"}, {"audio": None}, {"fps": 25}, "x.mp4"],
)
def test_a_worker_that_gives_something_else_has_failed(tmp_path, result):
    request = {"seed": 0, "folder": str(tmp_path), "arguments": {}}
    with pytest.raises(TypeError, match="expected a result with either frames, a file or sound alone, got"):
        worker(result).generate(request)
    assert "worker" not in sys.modules


def test_all_generators_are_seeded():
    def draw():
        child.seed_everything(2**32 + 5)
        return np.random.rand(), torch.rand(1).item(), child.random.random()

    assert draw() == draw()


def test_a_message_is_one_line():
    pipe = io.StringIO()
    child.send(pipe, event="error", message="a\nb")
    (line,) = pipe.getvalue().splitlines()
    assert json.loads(line)["message"] == "a\nb"
