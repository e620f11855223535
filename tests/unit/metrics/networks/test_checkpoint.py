"""Pickles of tensors, plain values and numpy's scalars are read; any other is refused before it acts."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint


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


def header(text, size=None):
    return (len(text) if size is None else size).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\0", b"\0" * 8, header(b"{"), header(b"[]"), header(b"{}", 2**63), header(b'{"a": 1}'),
        header(b"\xff\xfe"),
        header(b'{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}'),
        header(b'{"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}') + b"1234",
        header(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}') + b"1234",
        header(b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}') + b"1234",
        header(b"[" * 100_000),
    ],
)  # fmt: skip
def test_broken_safetensors_are_told_in_one_line(tmp_path, content):
    (tmp_path / "net.safetensors").write_bytes(content)
    with pytest.raises(
        Unavailable, match=r"weights unreadable: expected safetensors in .*net.safetensors, got .+"
    ) as error:
        checkpoint.read(tmp_path / "net.safetensors")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x80\x02", b"\x80\x02.", b"\x80\x02K\x01.", b"not a pickle"])
def test_broken_pickles_are_told_in_one_line(tmp_path, content):
    (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(Unavailable, match=r"weights unreadable: .*net.pt") as error:
        checkpoint.read(tmp_path / "net.pt")
    assert "\n" not in str(error.value)


def test_an_archive_that_says_that_it_holds_far_more_than_it_has_is_not_opened(tmp_path, monkeypatch):
    """20 MB of zeros in some 20 KB: a bomb of any size is told by the same numbers, before torch's reader sees it."""
    torch.save({"a": torch.zeros(5_000_000)}, tmp_path / "net.pt")
    with (
        zipfile.ZipFile(tmp_path / "net.pt") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        inside = sum(member.file_size for member in plain.infolist())
        for member in plain.infolist():
            bomb.writestr(member.filename, plain.read(member))
    assert torch.equal(checkpoint.read(tmp_path / "net.pt")["a"], torch.zeros(5_000_000))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("opened"))
    most = 4 * (tmp_path / "bomb.pt").stat().st_size
    with pytest.raises(Unavailable, match=rf"expected at most {most} bytes in the archive .*bomb.pt, got {inside}$"):
        checkpoint.read(tmp_path / "bomb.pt")


def test_tensors_are_renamed_by_every_rule_in_their_order():
    rules = ((r"^model\.", ""), (r"\battn\b", "attention"), (r"attention\.q\b", "attention.query"))
    assert checkpoint.renamed("model.0.attn.q.weight", rules) == "0.attention.query.weight"
    assert checkpoint.renamed("0.attn_ln.bias", rules) == "0.attn_ln.bias"
