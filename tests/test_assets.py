"""Weights are found, verified once, and missed with the words that say how to get them."""

import hashlib
import os

import pytest

from jova_bench import assets
from jova_bench.types import BenchError, Unavailable

CONTENT = b"weights"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    toy = assets.Asset("toy", "nets/toy.pt", "https://example.org/toy.pt", sha256, "MIT", ("wer",))
    monkeypatch.setattr(assets, "ASSETS", {"toy": toy})
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    (tmp_path / "nets").mkdir()
    return tmp_path / "nets" / "toy.pt"


def test_missing_weights_say_where_from_and_where_to(toy):
    with pytest.raises(Unavailable) as error:
        assets.find("toy")
    assert str(error.value) == (
        f"weights missing: put toy.pt (sha256 {hashlib.sha256(CONTENT).hexdigest()}) at {toy.parent} "
        "or set JOVA_BENCH_ASSETS; from https://example.org/toy.pt"
    )
    with pytest.raises(BenchError, match=r"got 'tog'; did you mean 'toy'\?"):
        assets.find("tog")


def test_weights_are_verified_once_and_again_when_they_change(toy, monkeypatch):
    toy.write_bytes(CONTENT)
    assert assets.find("toy") == toy
    hashed = []
    real = hashlib.file_digest
    monkeypatch.setattr(assets.hashlib, "file_digest", lambda *args: hashed.append(1) or real(*args))
    assert assets.find("toy") == toy
    assert hashed == []
    toy.write_bytes(b"WEIGHTS")
    os.utime(toy, ns=(1, 1))
    with pytest.raises(Unavailable, match=r"weights damaged: expected sha256 .* put it there anew from https"):
        assets.find("toy")
    assert hashed == [1]
    toy.write_bytes(CONTENT)
    for broken in ("", "{", "[]", "{}"):
        (toy.parent / ".toy.pt.sha256.json").write_text(broken)
        assert assets.find("toy") == toy


def test_the_default_folder_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("JOVA_BENCH_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert assets.folder() == tmp_path / "jova_bench"


def test_the_table_is_sound():
    for name, asset in assets.ASSETS.items():
        assert name == asset.name
        assert len(bytes.fromhex(asset.sha256)) == 32
        assert asset.url.startswith("https://")
        assert asset.metrics
    # Whisper's published addresses carry the digest of the file.
    assert "/d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03/tiny.en.pt" in (
        assets.ASSETS["whisper-tiny.en"].url
    )
