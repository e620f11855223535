"""Weights are found, verified once, and missed with the words that say how to get them."""

import hashlib
import os

import pytest

from jova_bench.assets import table as assets
from jova_bench.errors import BenchError, Unavailable

CONTENT = b"weights"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    toy = assets.Asset(name="toy", file="nets/toy.pt", url="https://example.org/toy.pt", sha256=sha256, licence="MIT")
    monkeypatch.setattr(assets, "published", lambda: {"toy": toy})
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    (tmp_path / "nets").mkdir()
    return tmp_path / "nets" / "toy.pt"


def test_missing_weights_say_how_to_get_them(toy):
    with pytest.raises(Unavailable) as error:
        assets.asset_table().find("toy")
    assert str(error.value) == assets.asset_table().missing("toy") == "weights missing: jova-bench assets pull toy"
    with pytest.raises(BenchError, match=r"got 'tog'; did you mean 'toy'\?"):
        assets.asset_table().find("tog")


def test_weights_are_verified_once_and_again_when_they_change(toy, monkeypatch):
    toy.write_bytes(CONTENT)
    assert assets.asset_table().find("toy") == toy
    hashed = []
    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *args: hashed.append(1) or real(*args))
    assert assets.asset_table().find("toy") == toy
    assert hashed == []
    toy.write_bytes(b"WEIGHTS")
    os.utime(toy, ns=(1, 1))
    with pytest.raises(
        Unavailable, match=r"weights damaged: expected sha256 .* delete it and run jova-bench assets pull toy"
    ):
        assets.asset_table().find("toy")
    assert hashed == [1]
    toy.write_bytes(CONTENT)
    for broken in ("", "{", "[]", "{}"):
        (toy.parent / ".toy.pt.sha256.json").write_text(broken)
        assert assets.asset_table().find("toy") == toy


def test_the_default_folder_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("JOVA_BENCH_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert assets.folder() == tmp_path / "jova_bench"


def test_the_table_is_sound():
    for name, asset in assets.asset_table().entries.items():
        assert name == asset.name
        assert asset.sha256 is None or len(bytes.fromhex(asset.sha256)) == 32
        assert asset.url.startswith(("https://", "http://"))
        assert asset.metrics
        assert asset.licence
    # Whisper's published addresses carry the digest of the file.
    whisper = assets.asset_table().get("whisper-tiny-en")
    assert f"/{whisper.sha256}/tiny.en.pt" in whisper.url


def test_a_file_without_a_published_digest_is_recorded_and_checked_ever_after(tmp_path, monkeypatch):
    unknown = assets.Asset(name="toy", file="toy.pt", url="https://example.org/toy.pt", licence="MIT")
    monkeypatch.setattr(assets, "published", lambda: {"toy": unknown})
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    assert assets.asset_table().digest("toy") is None
    (tmp_path / "toy.pt").write_bytes(CONTENT)
    # Seen by whoever asks first: another process of the same run must not give another identity.
    assert assets.asset_table().digest("toy") == hashlib.sha256(CONTENT).hexdigest()[:12] + "?"
    assert assets.asset_table().find("toy") == tmp_path / "toy.pt"
    (tmp_path / "toy.pt").write_bytes(b"other")
    with pytest.raises(Unavailable, match="weights damaged"):
        assets.asset_table().find("toy")


def test_a_users_table_puts_other_files_in_place_and_into_the_identity(tmp_path, monkeypatch):
    own, sha256 = tmp_path / "own.toml", hashlib.sha256(CONTENT).hexdigest()
    (tmp_path / "mine.pt").write_bytes(CONTENT)
    own.write_text(f'[whisper-large-v3]\nfile = "mine.pt"\nsha256 = "{sha256}"\n')
    monkeypatch.setenv(assets.TABLE_VARIABLE, str(own))
    assert assets.asset_table().find("whisper-large-v3") == tmp_path / "mine.pt"
    assert assets.asset_table().digest("whisper-large-v3") == sha256[:12]
    before = assets.asset_table()
    own.write_text(f'[whisper-large-v3]\nfile = "mine.pt"\nsha256 = "{sha256.upper()}"\n')  # As Windows prints it.
    assert assets.asset_table() == before
    for text, words in (
        ("[nope]", "name of an asset, got 'nope'"),
        ("[whisper-large-v3]", "`file` and `sha256`"),
        (
            f'[whisper-large-v3]\nfile = "{"x" * 5000}"\nsha256 = "{"0" * 64}"',
            r"\[whisper-large-v3\]: expected the path",
        ),
        ('[whisper-large-v3]\nfile = "a\\u0000"\nsha256 = ""', "whisper-large-v3.file: .*zero bytes"),
        (
            '[whisper-large-v3]\nfile = "mine.pt"\nsha256 = "12AB"',
            r"\[whisper-large-v3\]: sha256: expected 64 hex digits, got '12AB'; `sha256sum`",
        ),
        ('[whisper-large-v3]\nfile = "mine.pt"\nsha256 = [1]', r"sha256: expected 64 hex digits, got \[1\];"),
    ):
        broken = tmp_path / f"{len(text)}.toml"
        broken.write_text(text)
        monkeypatch.setenv(assets.TABLE_VARIABLE, str(broken))
        with pytest.raises(BenchError, match=words):
            assets.asset_table()


def test_a_users_file_that_is_missing_or_damaged_is_not_to_be_pulled(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(f'[whisper-large-v3]\nfile = "mine.pt"\nsha256 = "{"0" * 64}"\n')
    table = assets.asset_table(own)
    assert table.missing("whisper-large-v3") == f"weights missing: {tmp_path / 'mine.pt'}"
    (tmp_path / "mine.pt").write_bytes(CONTENT)
    with pytest.raises(Unavailable, match=r"weights damaged: .* correct your table of assets"):
        table.find("whisper-large-v3")


def test_missing_weights_with_terms_name_the_flag(monkeypatch, tmp_path):
    some = [
        assets.Asset(name=name, file=name, url="https://example.org", terms=terms)
        for name, terms in (("free", None), ("nc", "non-commercial"), ("copyleft", "agpl"))
    ]
    monkeypatch.setattr(assets, "published", lambda: {asset.name: asset for asset in some})
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    assert assets.asset_table().missing("nc", "free", "copyleft") == (
        "weights missing: jova-bench assets pull nc free copyleft --accept agpl --accept non-commercial"
    )
    assert assets.asset_table().get("nc").command == "jova-bench assets pull nc --accept non-commercial"
