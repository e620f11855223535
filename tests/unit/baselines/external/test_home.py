"""The folder of an external model: what is missing in it, and what its weights are called by."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from jova_baselines.external import checkout, home, pull
from jova_baselines.external.manifest import load
from jova_baselines.external.weights import Weights
from jova_bench.assets.table import FOLDER_VARIABLE
from jova_bench.models.registry import create_model


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The assets of these tests."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "assets"))


def test_what_upstream_asks_the_hubs_library_for_by_name_is_found_there(tmp_path, monkeypatch):
    """By huggingface_hub itself, which is told to fetch nothing."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    one = Weights(hub="a/b", folder="in", files=("x.bin",), by_name=True, licence="MIT")
    pinned = one.model_copy(update={"revision": "c" * 40, "hub": "a/c"})
    manifest = load("ovi").model_copy(update={"weights": (one, pinned)})
    file = home.of(manifest).weights / "in" / "x.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    caches = [home.show_by_name(manifest)["HF_HUB_CACHE"] for _ in range(2)]  # Every process of the harness does so.
    assert caches == [str(home.of(manifest).hub)] * 2
    shutil.rmtree(caches[0])
    home.of(manifest).hub.touch()  # Nothing can be made in it, by root neither: a folder that others share.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache = home.show_by_name(manifest)["HF_HUB_CACHE"]
    assert cache == home.show_by_name(manifest)["HF_HUB_CACHE"] != caches[0]
    for asked in ({"repo_id": "a/b"}, {"repo_id": "a/c", "revision": "c" * 40}, {"repo_id": "a/c"}):
        found = hf_hub_download(**asked, filename="x.bin", cache_dir=cache, local_files_only=True)
        assert Path(found).read_bytes() == b"weights"
    with pytest.raises(LocalEntryNotFoundError):
        hf_hub_download("a/c", "x.bin", revision="d" * 40, cache_dir=cache, local_files_only=True)
    assert home.show_by_name(load("ovi")) == {}


def test_other_weights_are_another_version(tmp_path):
    manifest = load("ovi")
    where = home.of(manifest)
    before = home.weights_digest(manifest)
    file = where.weights / "Ovi" / "model_960x960.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"one")
    first = home.weights_digest(manifest)
    (file.parent / pull.REVISION).write_text("chetwinlow1/Ovi@abc")
    assert len({before, first, home.weights_digest(manifest)}) == 3


def test_reading_a_checkout_starts_no_program_that_its_configuration_names(tmp_path):
    place, told = tmp_path / "checkout", tmp_path / "told"
    place.mkdir()

    def git(*arguments):
        named = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        return subprocess.run(["git", "-C", str(place), *named, *arguments], check=True, capture_output=True).stdout

    git("init", "-q")
    (place / "a.py").write_text("1")
    git("add", "a.py")
    git("commit", "-qm", "a")
    (tmp_path / "monitor").write_text(f"#!/bin/sh\ntouch {told}\n")
    (tmp_path / "monitor").chmod(0o755)
    git("config", "core.fsmonitor", str(tmp_path / "monitor"))
    assert not checkout.modified(place)
    assert not told.exists()
    (place / "a.py").write_text("2")
    assert checkout.modified(place)
    git("status")
    assert told.exists()  # It would have been started.


def test_a_gpu_is_asked_for_only_when_everything_is_there(monkeypatch):
    model = create_model("ovi", "cpu")
    assert "environment missing" in model.check()
    monkeypatch.setattr(home, "missing", lambda manifest: None)
    assert model.check() == "needs cuda, got cpu; choose the device cuda"
    assert create_model("ovi", "cuda:1").check() is None
