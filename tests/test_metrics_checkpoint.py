"""Pickles of tensors, plain values and numpy's scalars are read; any other is refused before it acts."""

import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jova_bench.metrics import checkpoint
from jova_bench.types import Unavailable


@pytest.mark.parametrize("zipped", [True, False])
def test_numpy_scalars_are_read(tmp_path, zipped):
    content = {
        "epoch": 15,
        "best": np.float64(0.5),
        "state_dict": {"a": torch.arange(3.0), "b": torch.nn.Parameter(torch.ones(2, 2))},
    }
    file = tmp_path / "net.pt"
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    assert checkpoint.read(file)["best"] == 0.5
    state = checkpoint.tensors(file, "state_dict")
    assert torch.equal(state["a"], torch.arange(3.0))
    assert torch.equal(state["b"], torch.ones(2, 2))


def test_safetensors_are_the_state_itself(tmp_path):
    save_file({"net.a": torch.arange(3.0), "other": torch.ones(1)}, tmp_path / "net.safetensors")
    state = checkpoint.tensors(tmp_path / "net.safetensors", "state_dict", prefix="net.")
    assert list(state) == ["a"]
    assert torch.equal(state["a"], torch.arange(3.0))


class Trap:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("trap", [Trap(os.mkdir), Trap(eval, "1"), Trap(torch.load, "x"), Trap(np.load, "x")])
def test_a_pickle_that_names_anything_else_is_refused_before_it_acts(tmp_path, protocol, trap):
    if trap.call is os.mkdir:
        trap = Trap(os.mkdir, str(tmp_path / "made"))
    torch.save({"state_dict": {"a": torch.ones(1)}, "trap": trap}, tmp_path / "net.pt", pickle_protocol=protocol)
    with pytest.raises(Unavailable, match="holds more than torch's safe reader takes"):
        checkpoint.read(tmp_path / "net.pt")
    assert not (tmp_path / "made").exists()


def test_a_bare_pickle_is_refused(tmp_path):
    (tmp_path / "net.pt").write_bytes(pickle.dumps(Trap(os.mkdir, str(tmp_path / "made"))))
    with pytest.raises(Unavailable):
        checkpoint.read(tmp_path / "net.pt")
    assert not (tmp_path / "made").exists()
