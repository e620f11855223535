"""Downloads weights: resumed after an interruption, verified, and in place only when whole."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

from jova_bench.assets.download import OFFLINE_VARIABLE, digest_of, download
from jova_bench.assets.records import RECORD, remember, sha256_of
from jova_bench.assets.table import FOLDER_VARIABLE, LISTING, Asset, AssetTable
from jova_bench.assets.transfer import Meter, Source
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.identity import Selection

EVERYTHING = "all"
SCHEMES = ("https://", "http://", "file://")
State = Literal["ok", "unverified", "damaged", "missing"]
"""`unverified`: as it was when first seen; no digest of it is published."""


def select(assets: AssetTable, words: Iterable[str]) -> list[Asset]:
    """Returns the assets for names of assets, of metrics (`fvd`, `lse_c@mova`), or `all`; each once.

    Raises:
        BenchError: nothing has that name.
    """
    known = assets.entries
    found: dict[str, Asset] = {}
    for word in words:
        metric, bench = Selection.parse(word)
        some = {
            name: asset for name, asset in known.items() if word in (EVERYTHING, name) or asset.serves(metric, bench)
        }
        if not some:
            names = [*known, *dict.fromkeys(metric for asset in known.values() for metric in asset.metrics), EVERYTHING]
            hint = suggest(word, names, LISTING)
            raise BenchError(f"expected an asset, a metric that needs one, or all, got {shown(word)}; {hint}")
        found |= some
    return list(found.values())


def state(assets: AssetTable, asset: Asset) -> State:
    """Checks an asset's file against its digest; reads all of it, even if its digest is cached."""
    file = assets.path(asset.name)
    if not file.is_file():
        return "missing"
    sha256 = digest_of(file, "sha256")
    remember(file, sha256)
    if sha256 != (assets.expected(asset.name) or assets.first_seen(asset.name)):
        return "damaged"
    return "ok" if asset.sha256 else "unverified"


def refusal(asset: Asset, accepted: Collection[str]) -> str | None:
    """Returns why an asset is not pulled: terms that were not accepted; None if it may be pulled."""
    if asset.terms is None or asset.terms in accepted or not asset.url:  # Without one it is a user's own file.
        return None
    return f"skipped {asset.name}, whose licence is {asset.licence}; to accept it: {asset.command}"


def pull(assets: AssetTable, asset: Asset, meter: Meter, no_network: bool) -> Path:
    """Downloads an asset's file, unless the right one is here, and returns its path.

    Raises:
        BenchError: it could not be downloaded; what arrived is kept, and the next call continues from there.
    """
    target = assets.path(asset.name)
    if _is_right(assets, asset.name, target):
        return target
    if not asset.url.startswith(SCHEMES):
        raise BenchError(f"{asset.name}: your table of assets names {target}, which is missing or damaged")
    if no_network and not asset.url.startswith("file://"):
        raise BenchError(
            f"{asset.name}: offline; put the file of {asset.url} at {target}, or run without --offline and "
            f"{OFFLINE_VARIABLE}"
        )
    part, elsewhere = target.with_name(f"{target.name}.part"), f"; {FOLDER_VARIABLE} names another folder"
    right = assets.expected(asset.name)
    seen = "" if asset.sha256 else f" (recorded when first seen, in {assets.folder / RECORD})"
    source = Source(asset.name, asset.url, asset.size, right is not None, target, elsewhere)
    sha256 = download(source, part, {} if right is None else {"sha256": right}, meter, seen)
    remember(target, sha256)
    if right is None:
        assets.first_seen(asset.name)
    return target


def _is_right(assets: AssetTable, name: str, target: Path) -> bool:
    if not target.is_file():
        return False
    right = assets.expected(name) or assets.first_seen(name)  # Put there by hand: seen for the first time.
    return sha256_of(target) == right
