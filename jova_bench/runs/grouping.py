"""Groups the metrics that are computed in one pass over the clips: as many as have room for their networks.

The evaluators of the papers take gigabytes. Metrics whose networks are in memory together share one pass over the
clips; where there is no room for all, there are as few passes as first-fit packing finds.
"""

from __future__ import annotations

from collections.abc import Mapping

from jova_bench.assets.table import AssetTable
from jova_bench.identity import Identity
from jova_bench.records import MetricSpec

LOADING = 2
"""Memory of a network relative to the size of its file: while it is loaded, the file's content and the network are
there at once, and Whisper's weights are stored in half of the precision that they have in memory."""
UNKNOWN_BYTES = 1_000_000_000
"""Bytes of a network whose file is no asset: that of an installed package's metric."""

Networks = Mapping[str, int]
"""Bytes of memory, by name."""


def networks(spec: MetricSpec, assets: AssetTable) -> Networks:
    """Returns a metric's large networks with their bytes in memory; those that ship are small and do not count."""
    if spec.profile == "embedded":
        return {}
    named = []
    if spec.weights is not None:  # Without weights no digest is looked up: their record may be damaged.
        named = [name for name in assets.entries if (digest := assets.digest(name)) and digest in spec.weights]
    if not named:
        named = [name for name, asset in assets.entries.items() if asset.serves(spec.name, spec.identity.bench)]
    if not named and spec.weights is not None:
        return {spec.backend: UNKNOWN_BYTES}
    return {name: LOADING * _file_bytes(name, assets) for name in named}


def _file_bytes(name: str, assets: AssetTable) -> int:
    path = assets.path(name)
    return path.stat().st_size if path.is_file() else assets.get(name).size or 0


def groups(needs: Mapping[Identity, Networks], room: int) -> list[list[Identity]]:
    """Splits metrics into as few groups as first-fit packing finds whose networks have room together.

    Args:
        needs: the networks of each metric, by identity, in the order of the table.
        room: bytes for the networks of a group; one metric alone may need more.

    Returns:
        Identities, in the order of the table within a group.
    """
    packed: list[tuple[dict[str, int], list[Networks]]] = []
    for needed in sorted(needs.values(), key=_largest_first):
        for together, members in packed:
            if needed.keys() <= together.keys() or sum((together | dict(needed)).values()) <= room:
                together.update(needed)
                members.append(needed)
                break
        else:
            packed.append((dict(needed), [needed]))
    return [[identity for identity, needed in needs.items() if needed in members] for _, members in packed]


def _largest_first(needed: Networks) -> tuple[int, list[str]]:
    return -sum(needed.values()), sorted(needed)
