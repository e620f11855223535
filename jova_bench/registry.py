"""Names for things that are imported only when used (`name -> "module:attribute"`), with a hint for a typing error."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from jova_bench.types import BenchError

Thing = TypeVar("Thing")


class Registry(Generic[Thing]):
    """What a kind of thing (`model`, `metric`) can be named; installed packages add to it by entry points."""

    def __init__(self, kind: str, entries: Mapping[str, str], group: str) -> None:
        """Names the built-in things.

        Args:
            kind: what the things are, for messages.
            entries: name to `module:attribute`.
            group: entry point group of installed packages, e.g. `jova_bench.models`.
        """
        self.kind = kind
        added = {point.name: point.value for point in entry_points(group=group)}
        clash = sorted(added.keys() & entries.keys())
        if clash:
            raise BenchError(
                f"an installed package redefines the {kind} {clash[0]!r} as {added[clash[0]]}; uninstall or rename it"
            )
        self.entries: Mapping[str, str] = dict(entries) | dict(sorted(added.items()))
        """Built-in names in their order, then those of installed packages."""

    def names(self) -> tuple[str, ...]:
        """Everything that `load` takes."""
        return tuple(self.entries)

    def load(self, name: str) -> Thing:
        """Imports what a name stands for.

        Raises:
            BenchError: nothing has that name (the nearest one is suggested), or its module cannot be imported.
        """
        if name not in self.entries:
            raise BenchError(f"expected the name of a {self.kind}, got {name!r}; {suggest(name, self.entries)}")
        target = self.entries[name]
        module, _, attribute = target.partition(":")
        try:
            return cast(Thing, getattr(importlib.import_module(module), attribute))
        except (ImportError, AttributeError) as error:
            raise BenchError(f"the {self.kind} {name!r} cannot be loaded from {target}: {error}") from error


LISTED = 40
"""Names that a message lists: past them a reader finds nothing."""


def suggest(name: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or the names when none is near."""
    names = tuple(known)
    near = difflib.get_close_matches(name, names, n=1)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(names[:LISTED]) or 'none'}{more}"
