"""What tests of parity share: a user's own files in the place of published ones."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from jova_bench.assets import table as assets
from jova_bench.metrics.networks.network_cache import release_networks
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
