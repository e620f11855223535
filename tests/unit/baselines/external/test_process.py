"""The environment variables of an upstream's process, and the last words of its log."""

from jova_baselines.external.process import environment, tail


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
