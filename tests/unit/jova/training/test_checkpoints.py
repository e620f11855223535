"""Checkpoints of one process: damage, full disks, signals, and those of before there were digests."""

import json
import resource
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import nn

from jova.files import locked
from jova.train import main
from jova.training.checkpoints import FileCheckpoints, FolderCheckpoints, State
from jova.training.distributed import LOCK, Ranks, alone
from jova.training.model import Trainer
from jova.training.state import detached
from support.jova_micro import CONFIG
from support.two_ranks import TRAINING, examples


def made(value, size=8):
    """A state after a step, of weights of one value."""
    model = nn.Linear(size, size)
    nn.init.constant_(model.weight, value)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-9)
    model(torch.ones(1, size)).sum().backward()
    optimiser.step()
    return State(model, detached(model), optimiser)


def folder_of(out, value=0.5, size=8):
    checkpoints = FolderCheckpoints(out, Ranks())
    checkpoints.save("model", {"step": round(10 * value), "training": {}}, made(value, size))
    return checkpoints


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x40
    path.write_bytes(content)


@contextmanager
def files_of_at_most(size):
    """What a full disk is to a process, without one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_byte_that_has_changed_in_a_checkpoint_is_one_line(tmp_path):
    checkpoints, into = folder_of(tmp_path), made(0.0)
    (shard,) = tmp_path.glob("model-*/*.safetensors")
    whole = shard.read_bytes()
    for place in (9, -1, -40):  # of the header, and of numbers
        flip(shard, place)
        with pytest.raises(
            ValueError, match=rf"got a damaged file \(ValueError: another digest of {shard.name}\); copy"
        ):
            checkpoints.restore("model", into)
        shard.write_bytes(whole)
    checkpoints.restore("model", into)
    assert float(into.model.weight[0, 0]) == pytest.approx(0.5)
    assert into.optimiser.state[into.model.weight]["step"] == 1


def test_a_checkpoint_of_before_there_were_digests_is_read_and_its_broken_header_one_line(tmp_path):
    checkpoints, into = folder_of(tmp_path), made(0.0)
    (shard,), (beside,) = tmp_path.glob("model-*/*.safetensors"), tmp_path.glob("model-*/*.sha256")
    beside.unlink()
    record = json.loads((tmp_path / "model.json").read_text())
    assert record["shards"].pop(beside.name) == 65
    (tmp_path / "model.json").write_text(json.dumps(record))
    checkpoints.restore("model", into)
    assert float(into.model.weight[0, 0]) == pytest.approx(0.5)
    flip(shard, 9)
    with pytest.raises(
        ValueError, match=r"expected a checkpoint of this training in .*got a damaged file \(SafetensorErr"
    ):
        checkpoints.restore("model", into)


def test_a_byte_that_has_changed_in_a_checkpoint_of_one_file_is_one_line(tmp_path):
    checkpoints, state = FileCheckpoints(tmp_path), made(0.5, 100)
    checkpoints.save("model", {"step": 5, "training": {}}, state)
    path = tmp_path / "model.state"
    flip(path, path.read_bytes().index(state.model.weight.detach().numpy().tobytes()[:64]) + 20_000)
    with pytest.raises(ValueError, match=r"in .*model\.state, got a damaged file \(ValueError: another checksum of"):
        checkpoints.about("model")


def test_a_full_disk_is_one_line_and_leaves_the_checkpoint_before(tmp_path):
    one, many = folder_of(tmp_path / "many", 0.5, 200), made(0.7, 200)
    single = FileCheckpoints(tmp_path)
    single.save("model", {"step": 5, "training": {}}, made(0.5, 200))
    for checkpoints in (one, single):
        with files_of_at_most(300_000), pytest.raises(OSError, match=r"expected to write .*; what was there stands"):
            checkpoints.save("model", {"step": 7, "training": {}}, many)
        into = made(0.0, 200)
        checkpoints.restore("model", into)
        assert checkpoints.about("model")["step"] == 5
        assert float(into.model.weight[0, 0]) == pytest.approx(0.5)


def test_a_signal_while_a_checkpoint_is_written_is_a_signal(tmp_path, monkeypatch):
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(HuggingFaceStorageWriter, "write_data", stopped)
    with pytest.raises(KeyboardInterrupt):
        folder_of(tmp_path)


def test_a_folder_has_one_training_at_a_time(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jova.train.make_corpus", lambda *_: 1 / 0)
    said = (
        rf"expected no other training in {tmp_path}, got one that runs there; wait for its end, or name another folder"
    )
    with alone(tmp_path, Ranks()):
        with pytest.raises(ValueError, match=said), alone(tmp_path, Ranks()):
            pass
        assert main(["--out", str(tmp_path)]) == 2
        assert "expected no other training in" in capsys.readouterr().err
    with locked(tmp_path / LOCK, wait=False) as free:
        assert free


def test_a_model_whose_checkpoint_is_gone_is_not_replaced(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jova.train.make_corpus", lambda *_: 1 / 0)
    Trainer(CONFIG, training := replace(TRAINING, steps=4, edit_share=0.0), tmp_path).run(data := examples(), data)
    model, log = tmp_path / "jova-tiny.safetensors", tmp_path / "model.jsonl"
    before = [path.read_bytes() for path in (model, log)]
    (tmp_path / "model.state").unlink()
    with pytest.raises(ValueError, match=r"got a model without one, .*; move it away, or name another folder as out"):
        Trainer(CONFIG, training, tmp_path).run(data, data)
    assert main(["--out", str(tmp_path)]) == 2  # before a clip is drawn
    assert "got a model without one" in capsys.readouterr().err
    assert [path.read_bytes() for path in (model, log)] == before
