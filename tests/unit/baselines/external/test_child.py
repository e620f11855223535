"""What runs inside an upstream's environment, piece by piece."""

import io
import json
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from jova_baselines.external import child
from jova_baselines.external.process import environment, tail


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


def test_pixels_of_all_kinds():
    floats = np.array([-1.5, -1.0, 0.0, 1.0, 2.0], np.float32).reshape(5, 1, 1, 1)
    assert child.pixels(floats).ravel().tolist() == [0, 0, 128, 255, 255]
    assert child.pixels(torch.from_numpy(floats).bfloat16().requires_grad_()).ravel().tolist() == [0, 0, 128, 255, 255]
    whole = np.arange(6, dtype=np.uint8)
    assert child.pixels(whole) is whole
    assert child.pixels(torch.from_numpy(whole)).tolist() == [0, 1, 2, 3, 4, 5]


def test_sound_of_all_kinds():
    assert child.samples(np.zeros(5)).shape == (1, 5)
    assert child.samples(torch.zeros(2, 5, dtype=torch.float16)).dtype == np.float32
    assert child.samples(torch.zeros(2, 5)).shape == (2, 5)


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


@pytest.mark.parametrize(
    "result", [None, {}, {"frames": np.zeros(1), "file": "x.mp4"}, {"audio": None}, {"fps": 25}, "x.mp4"]
)
def test_a_worker_that_gives_something_else_has_failed(tmp_path, result):
    request = {"seed": 0, "folder": str(tmp_path), "arguments": {}}
    with pytest.raises(TypeError, match="expected a result with either frames, a file or sound alone, got"):
        worker(result).generate(request)


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


def test_a_worker_sees_one_gpu_and_nothing_of_ours(monkeypatch, tmp_path):
    for name, value in {"RANK": "3", "PYTHONPATH": "x", "CUDA_VISIBLE_DEVICES": "4,6", "PATH": "/bin"}.items():
        monkeypatch.setenv(name, value)
    python = tmp_path / "env" / "bin" / "python"
    found = environment({"HF_HUB_OFFLINE": "1"}, "cuda:1", python)
    assert (found["CUDA_VISIBLE_DEVICES"], found["HF_HUB_OFFLINE"]) == ("6", "1")
    assert found["PATH"] == f"{python.parent}:/bin"
    assert not {"RANK", "PYTHONPATH"} & set(found)
    assert environment({}, "cpu", python)["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert environment({}, "cuda:2", python)["CUDA_VISIBLE_DEVICES"] == "2"


def test_last_words_are_short(tmp_path):
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("\n")
    assert tail(log) == ""
    log.write_text("one\ntwo\n 10%\r 50%\r\nthree\n\n")
    assert tail(log) == ": 10% / 50% / three"
    log.write_text("x" * 1000)
    assert len(tail(log)) == 402
    assert "worker" not in sys.modules
