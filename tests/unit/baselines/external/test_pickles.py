"""What torch.load reads in an upstream's process: weights, and no code, whatever the caller asks for."""

import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import torch

from jova_baselines.external import pickles
from jova_baselines.external.process import environment


class Code:
    """What makes a folder when it is unpickled without restriction."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture(params=["2.0.1+cu118", "2.6.0"])
def restricted(request, monkeypatch, tmp_path):
    """torch.load as in the process of an upstream with this release; the newer one has the variable alone."""
    for owner in (torch, torch.serialization):
        monkeypatch.setattr(owner, "load", torch.load)
    monkeypatch.setattr(torch.serialization, "_is_torchscript_zip", torch.serialization._is_torchscript_zip)
    monkeypatch.setattr(pickles, "version", lambda name: request.param)
    for name, value in environment({}, "cpu", tmp_path / "python").items():
        monkeypatch.setenv(name, value)
    pickles.restrict()
    return request.param


def written(folder):
    """Files that make a folder when they are unpickled, in the three forms that torch has had."""
    path = folder / "file.pth"
    torch.save({"w": torch.ones(2), "x": Code(folder / "made")}, path)
    yield path
    torch.save({"x": Code(folder / "made")}, path, _use_new_zipfile_serialization=False)
    yield path
    code = pickle.dumps(Code(folder / "made"))
    with tarfile.open(path, "w") as tar:
        for name in ("storages", "tensors", "pickle"):
            entry = tarfile.TarInfo(name)
            entry.size = len(code)
            tar.addfile(entry, io.BytesIO(code))
    yield path


@pytest.mark.parametrize("told", [{"weights_only": False}, {"weights_only": False, "pickle_module": pickle}, {}])
def test_no_file_runs_code_in_any_form_of_torch_whatever_the_caller_asks(restricted, tmp_path, told):
    refusals = 0
    for path in written(tmp_path):
        with pytest.raises((pickle.UnpicklingError, RuntimeError)):
            torch.load(path, **told)
        refusals += 1
    assert refusals == 3
    assert not (tmp_path / "made").exists()


class Program(torch.nn.Module):
    """Writes a file when it is loaded."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    @torch.jit.export
    def __getstate__(self):
        return (self.path, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]):
        self.path, self.training = state
        torch.save(torch.ones(1), self.path)

    def forward(self, x):
        return x


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:'torch.load' received")
@pytest.mark.parametrize("weights_only", [False, True])
def test_an_archive_of_torchscript_runs_no_code_either(restricted, tmp_path, weights_only):
    made = tmp_path / "made.pt"
    torch.jit.script(Program(str(made))).save(tmp_path / "program.pt")
    torch.jit.load(tmp_path / "program.pt")
    made.unlink()  # It does run where nothing stops it.
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        torch.load(tmp_path / "program.pt", weights_only=weights_only)
    assert not made.exists()


def test_weights_are_read_and_of_older_releases_arrays_beside_them(restricted, tmp_path):
    weights = {"w": torch.arange(6.0).reshape(2, 3), "half": torch.ones(2, dtype=torch.float16), "at": [1, "a", None]}
    for zipped in (True, False):
        torch.save(weights, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        found = torch.load(tmp_path / "a.pth", map_location="cpu", weights_only=False)
        assert torch.equal(found["w"], weights["w"])
        assert (found["half"].dtype, found["at"]) == (torch.float16, [1, "a", None])
    # What a checkpoint of mmengine has of its data set.
    beside = {"meta": {"sigmas": np.linspace(0, 1, 5, dtype=np.float32), "area": np.float64(2.5)}, **weights}
    torch.save(beside, tmp_path / "b.pth")
    if restricted.startswith("2.0"):
        meta = torch.load(tmp_path / "b.pth")["meta"]
        assert (meta["sigmas"].tolist(), meta["area"]) == (beside["meta"]["sigmas"].tolist(), 2.5)


def test_a_refusal_names_what_the_file_calls(monkeypatch, tmp_path):
    reader = pickles.restricted(pickles.names())
    with pytest.raises(pickle.UnpicklingError, match=r"weights alone, got one that calls (posix|nt)\.mkdir"):
        reader.load(io.BytesIO(pickle.dumps(Code(tmp_path / "made"))))
    assert not (tmp_path / "made").exists()


def test_no_manifest_or_variable_of_the_caller_lifts_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    found = environment({pickles.VARIABLE: "0"}, "cpu", tmp_path / "python")
    assert (found[pickles.VARIABLE], "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" in found) == ("1", False)
