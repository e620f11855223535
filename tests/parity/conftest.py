"""What tests of parity share: a user's own files in the place of published ones, and what is found in their place."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from jova_bench.assets import table as assets
from jova_bench.metrics import faces
from jova_bench.metrics.lip_sync import syncnet as lse
from jova_bench.metrics.networks.network_cache import release_networks
from support.coded_lips import Coded
from support.upstream import own_table


@pytest.fixture
def own_assets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Mapping[str, Path]], Mapping[str, Path]]]:
    """Puts files, by name of the asset, in the place of published ones for a test; no network is left of others."""

    def use(files: Mapping[str, Path]) -> Mapping[str, Path]:
        monkeypatch.setenv(assets.TABLE_VARIABLE, own_table(tmp_path, files))
        release_networks()
        return files

    yield use
    release_networks()


@pytest.fixture
def coded(monkeypatch, tmp_path):
    """SyncNet replaced, nothing missing."""
    (tmp_path / "syncnet_v2.model").write_bytes(b"stands for weights")
    table = own_table(tmp_path, {"syncnet": tmp_path / "syncnet_v2.model"})
    monkeypatch.setenv(assets.TABLE_VARIABLE, table)
    monkeypatch.setattr(lse, "_towers", lambda file, device, dtype: Coded())
    monkeypatch.setattr(lse, "cached_network", lambda key, build: build())
    monkeypatch.setattr(lse, "missing", lambda protocol, assets: None)


@pytest.fixture
def found(monkeypatch):
    """Whatever a detector would find: `found(tracks)` sets it for every protocol."""

    def set_tracks(*tracks: faces.Track) -> None:
        for name in ("tracks", "syncnet_tracks", "verse_bench_segments"):
            monkeypatch.setattr(faces, name, lambda *args: list(tracks))

    return set_tracks
