"""Weights that do not ship with the package: their sources, their paths, and the check of their digests.

`assets.toml` names every file with its address, digest and licence. A user's own table (`--assets FILE`) puts other
files in their place; their digests enter the identity of every number that they make. A command or call makes one
`AssetTable`, and hands it to whatever asks for weights, in this process and in others: nothing else reads the
environment, so two tables may be in use at once.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from jova_bench.assets import records
from jova_bench.assets.records import sha256_of
from jova_bench.digests import shortened
from jova_bench.errors import BenchError, Unavailable
from jova_bench.files.paths import at_home
from jova_bench.files.reading import as_record, read_toml
from jova_bench.formatting.messages import shown, suggest
from jova_bench.records import Record

FOLDER_VARIABLE = "JOVA_BENCH_ASSETS"
TABLE_VARIABLE = "JOVA_BENCH_ASSETS_FILE"
"""Path of a user's table, for calls that name none."""
TABLE = Path(__file__).parent / "assets.toml"
LISTING = "jova-bench assets verify"
UNVERIFIED = "?"
"""Ends a digest in an identity where none is published: it is that of the file that was seen here first."""

Terms = Literal["non-commercial", "agpl"]
TERMS: tuple[Terms, ...] = get_args(Terms)
"""What a user may have to accept before a file is pulled."""


class Asset(Record):
    """One file of weights: an entry of `assets.toml`."""

    name: str
    file: str
    """Path inside the assets folder; an absolute path in a user's table."""
    url: str = ""
    sha256: records.Sha256 | None = None
    """None where the publisher states none: recorded when the file is first seen, and checked ever after."""
    size: int | None = None
    """Bytes, where known."""
    licence: str = ""
    """SPDX expression, or what the publisher says."""
    terms: Terms | None = None
    """Terms that a user must accept before the file is pulled."""
    metrics: tuple[str, ...] = ()
    """What needs it: `name` for every protocol of a metric of the standard profile, `name@clean` or `name@bench`."""

    @property
    def command(self) -> str:
        """The command that gets it."""
        return f"jova-bench assets pull {self.name}" + (f" --accept {self.terms}" if self.terms else "")

    def serves(self, metric: str, bench: str | None) -> bool:
        """Returns whether a metric of the standard profile needs it, as a bench computes it (None: as we do)."""
        return metric in self.metrics or f"{metric}@{bench or 'clean'}" in self.metrics


@dataclass(frozen=True)
class AssetTable:
    """Every asset, and the folder where files lie: plain data, which other processes get as it is."""

    entries: Mapping[str, Asset] = field(repr=False)
    """All assets, by name."""
    place: Path
    """The folder; `~` is the home of the machine that asks, for each node of a cluster has its own."""
    recorded: bool = True
    """Whether digests are read from the folder's record, and written there; see `readable`."""

    @property
    def folder(self) -> Path:
        """Returns the folder on this machine."""
        return self.place.expanduser()

    def get(self, name: str) -> Asset:
        """Returns an asset's entry. Raises BenchError for an unknown name."""
        if name not in self.entries:
            raise BenchError(
                f"expected the name of an asset, got {shown(name)}; {suggest(name, self.entries, LISTING)}"
            )
        return self.entries[name]

    def path(self, name: str) -> Path:
        """Returns the path of an asset's file, whether it exists or not."""
        return self.folder / self.get(name).file

    def missing(self, *names: str) -> str | None:
        """Returns why these assets cannot be used: files that are missing; None if all exist. Reads no file."""
        absent = [self.get(name) for name in names if not self.path(name).is_file()]
        if not absent:
            return None
        own = [asset.file for asset in absent if not asset.url]
        if own:
            return f"weights missing: {', '.join(own)}"
        terms = sorted({asset.terms for asset in absent if asset.terms})
        accept = "".join(f" --accept {one}" for one in terms)
        return f"weights missing: jova-bench assets pull {' '.join(asset.name for asset in absent)}{accept}"

    def digest(self, name: str) -> str | None:
        """Returns the first hex digits of what a file must have, for identities; with `?` if none is published.

        None where it is not known yet: no digest is published and the file is not here. One that is here counts as
        seen, so that every process of a run gives the same identity.
        """
        sha256 = self.expected(name)
        if sha256 is None and self.path(name).is_file():
            sha256 = self.first_seen(name)
        return shortened(sha256) + ("" if self.get(name).sha256 else UNVERIFIED) if sha256 else None

    def find(self, name: str) -> Path:
        """Returns the path of an asset's file, verified against its digest.

        Raises:
            Unavailable: it is not there, or is not what was published.
            BenchError: there is no asset of that name, or the record of digests is damaged.
        """
        asset, file = self.get(name), self.path(name)
        if why_not := self.missing(name):
            raise Unavailable(why_not)
        right = self.expected(name) or self.first_seen(name)
        if (got := sha256_of(file)) != right:
            advice = f"delete it and run {asset.command}" if asset.url else "correct your table of assets"
            raise Unavailable(f"weights damaged: expected sha256 {right}, got {got} for {file}; {advice}")
        return file

    def expected(self, name: str) -> str | None:
        """Returns the sha256 (hex) that an asset's file must have: published or recorded; None if there is neither.

        Raises:
            BenchError: the record cannot be read.
        """
        published = self.get(name).sha256
        return published or (records.recorded(self.folder).get(name) if self.recorded else None)

    def readable(self) -> tuple[AssetTable, str | None]:
        """Returns a table for what lists and reports: without the record of digests where that is damaged, and why."""
        try:
            records.recorded(self.folder)
        except BenchError as error:
            return replace(self, recorded=False), str(error)
        return self, None

    def first_seen(self, name: str) -> str:
        """Records the sha256 (hex) of an asset's file whose publisher states none, and returns the recorded one."""
        sha256 = sha256_of(self.path(name))
        if not self.recorded:
            return sha256
        with contextlib.suppress(OSError):  # A shared folder may be read-only: then it is first seen again.
            return records.record(self.folder, name, sha256)
        return sha256


def asset_table(own: str | Path | None = None) -> AssetTable:
    """Makes the table of a command or call.

    Args:
        own: file of a user's table, whose files take the place of the published ones; None for the one that
            `$JOVA_BENCH_ASSETS_FILE` names, if it does.

    Raises:
        BenchError: a table is broken or names an asset that does not exist.
    """
    named = os.environ.get(TABLE_VARIABLE)
    path = at_home(own).resolve() if own is not None else at_home(named) if named else None
    return AssetTable({**published(), **(_replaced(path) if path else {})}, _place())


def folder() -> Path:
    """Returns the folder of the weights: `$JOVA_BENCH_ASSETS`, else `jova_bench` in the user's cache folder."""
    return _place().expanduser()


def _place() -> Path:
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "jova_bench"


@cache
def published() -> Mapping[str, Asset]:
    """Returns the entries of `assets.toml` by name."""
    return {name: _asset(TABLE, name, fields) for name, fields in read_toml(TABLE).items()}


def _replaced(path: Path) -> dict[str, Asset]:
    """Returns the entries that a user's table replaces."""
    known, found = published(), {}
    for name, fields in read_toml(path).items():
        if name not in known:
            raise BenchError(
                f"{path}: expected the name of an asset, got {shown(name)}; {suggest(name, known, LISTING)}"
            )
        if not isinstance(fields, dict) or set(fields) != {"file", "sha256"}:
            raise BenchError(f"{path}: expected `file` and `sha256` in [{name}], got {shown(fields)}")
        try:
            file = str((path.parent / at_home(str(fields["file"]))).resolve())
            Path(file).exists()  # Raises for what no file system can have; a missing file is reported later.
        except (OSError, RuntimeError) as error:  # A name too long, a loop of links.
            what = f"expected the path of a file, got {shown(fields['file'])}"
            raise BenchError(f"{path}: [{name}]: {what}") from error
        sha256 = str(fields["sha256"]).lower()
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            what = f"expected 64 hex digits, got {shown(fields['sha256'])}; `sha256sum` or `shasum -a 256` prints them"
            raise BenchError(f"{path}: [{name}]: sha256: {what}")
        replaced = {**known[name].model_dump(), "file": file, "sha256": sha256, "url": "", "size": None}
        found[name] = _asset(path, name, replaced)
    return found


def _asset(path: Path, name: str, fields: object) -> Asset:
    return as_record(Asset, {**fields, "name": name} if isinstance(fields, dict) else fields, f"{path}: [{name}]")
