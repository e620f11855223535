"""Says which files of a baseline's weights are here, and which of them were verified as what they are taken for.

Patterns are those of `pull`, so that what is fetched is what a digest covers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jova_baselines.external import pull
from jova_baselines.external.weights import Weights
from jova_bench.assets.hub import PARTS


@dataclass(frozen=True)
class Present:
    """The weights of a manifest, as they lie in a folder."""

    folder: Path
    """Folder of all of them."""
    weights: tuple[Weights, ...]

    def files(self, one: Weights) -> dict[str, Path]:
        """Returns the files of weights that are here, by their names inside the folder of these weights, sorted.

        What other weights have in a folder below is theirs, though a pattern may match it.
        """
        folder = self.folder / one.folder
        below = [other for other in self.weights if PurePosixPath(one.folder) in PurePosixPath(other.folder).parents]
        names = [name for name in one.files if (folder / name).is_file()]
        if any(re.search(r"[*?[]", pattern) for pattern in one.files):
            names += _files_below(folder)
        found = {name for pattern in one.files for name in pull.matching(pattern, names)}
        names = sorted(found, key=PurePosixPath)
        return {name: folder / name for name in names if not any(self._has(other, folder / name) for other in below)}

    def fetched(self, one: Weights) -> str | None:
        """Returns the commit at which weights of the hub were fetched; None where none is recorded."""
        return pull.recorded(self.folder / one.folder).get(one.origin)

    def verified(self, one: Weights) -> str | None:
        """Returns the commit or digest that weights were fetched by and still are of; None where that is not sure.

        They are verified when they are fetched, and count as changed when size or time of change does: reading tens of
        gigabytes at every start would take minutes.
        """
        return self._known(one) if self.as_fetched(one) and self.files(one).keys() <= self._noted(one).keys() else None

    def as_fetched(self, one: Weights) -> bool:
        """Returns whether all that was fetched is here and as it was verified then; other files may lie beside it."""
        noted = self._noted(one)
        return all(noted.values()) and all(pull.matching(pattern, noted) for pattern in one.files)

    def missing(self, one: Weights) -> list[str]:
        """Returns the files and patterns of weights that the folder lacks, unfinished downloads and another commit."""
        absent, place, names = [], Path(one.folder), self.files(one)
        if (self.folder / one.folder / PARTS).is_dir():  # A pattern may have files that came before it broke off.
            absent.append(f"{place / PARTS}: a download that was not finished")
        absent += [str(place / pattern) for pattern in one.files if not pull.matching(pattern, names)]
        absent += [str(place / name) for name in self._noted(one) if name not in (*names, *one.files)]
        commit = self.fetched(one)
        if commit is not None and one.pinned and commit != one.revision:
            absent.append(f"{one.origin} at {commit[:7]} instead of {one.revision[:7]}")
        return absent

    def strange(self) -> list[str]:
        """Returns the files that a pattern matches, beside verified ones of an origin that has no such file."""
        return [
            f"{Path(one.folder, name)} is not of {one.at(self._known(one))}: with it these weights count as found, "
            "not verified"
            for one in self.weights
            if self.as_fetched(one)
            for name in self.files(one).keys() - self._noted(one).keys()
        ]

    def _known(self, one: Weights) -> str | None:
        """Returns what weights are to be of: a digest, or the commit that was fetched, unless it is another."""
        known = one.sha256 or one.md5 if one.hub is None else self.fetched(one)
        return None if one.hub and one.pinned and known != one.revision else known

    def _noted(self, one: Weights) -> dict[str, bool]:
        """Returns the files that were verified as these weights, and whether each is here as it was then."""
        known = self._known(one)
        if known is None:
            return {}
        noted = pull.noted(self.folder / one.folder, f"{one.hub}@{known}" if one.hub else known)
        return {name: noted[name] for pattern in one.files for name in pull.matching(pattern, noted)}

    def _has(self, other: Weights, path: Path) -> bool:
        folder = self.folder / other.folder
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else None
        return name is not None and any(pull.matching(pattern, [name]) for pattern in other.files)


def _files_below(folder: Path) -> Iterator[str]:
    """Yields the names of the files in a folder and below it, but hidden ones. Links are followed, but none upwards."""
    for where, folders, names in os.walk(folder, followlinks=True):
        here = Path(where).resolve()
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and not here.is_relative_to(Path(where, name).resolve())
        ]
        yield from (Path(where, name).relative_to(folder).as_posix() for name in names if Path(where, name).is_file())
