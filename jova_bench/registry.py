"""Lazy tables of names (`name -> "module:attribute"`), extensible by entry points, with a hint for a typing error.

The code of installed packages is not ours: its errors become one line.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib import metadata
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from jova_bench.errors import BenchError, reason_of
from jova_bench.formatting.doors import listing
from jova_bench.formatting.messages import shown, suggest

Thing = TypeVar("Thing")
OURS = ("jova_baselines", "jova")
"""Packages that are installed beside this one; their names are common."""


def entry_points(group: str) -> Iterable[metadata.EntryPoint]:
    """Returns what installed packages add to a group; reads it again only where one came to the path or left it."""
    return _read(group, tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=8)
def _read(group: str, _: tuple[tuple[str, int | None], ...]) -> tuple[metadata.EntryPoint, ...]:
    return tuple(metadata.entry_points(group=group))


def _changed(folder: str) -> int | None:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return None


class Registry(Generic[Thing]):
    """Maps names of one kind (`model`, `metric`) to objects, lazily; installed packages add names by entry points."""

    def __init__(self, kind: str, entries: Mapping[str, str], group: str) -> None:
        """Lists the built-in names, and those of installed packages; imports none of the objects.

        Args:
            kind: kind of the objects, for messages.
            entries: name to `module:attribute`.
            group: entry point group of installed packages, e.g. `jova_bench.models`.
        """
        self.kind = kind
        added: dict[str, dict[str, None]] = {}
        for point in entry_points(group=group):
            added.setdefault(point.name, {})[point.value.partition("[")[0].strip()] = None
        clashes = {
            name: [entries[name], *targets] if name in entries else list(targets)
            for name, targets in sorted(added.items())
            if name in entries or len(targets) > 1
        }
        self.added: Mapping[str, str] = {
            name: next(iter(targets)) for name, targets in sorted(added.items()) if name not in clashes
        }
        """Names of installed packages alone."""
        self.entries: Mapping[str, str] = dict(entries) | self.added
        """Built-in names in their order, then those of installed packages."""
        self.refused: Mapping[str, str] = {
            name: f"an installed package redefines the {kind} {name!r}: {' and '.join(targets)}; uninstall or rename it"
            for name, targets in clashes.items()
        }
        """Names that two objects claim, and why neither is loaded."""

    def names(self) -> tuple[str, ...]:
        """Returns all unambiguous names."""
        return tuple(name for name in self.entries if name not in self.refused)

    def load(self, name: str) -> Thing:
        """Imports the object of a name.

        Raises:
            BenchError: the name is unknown (the nearest one is suggested), two objects have it, or its module cannot
                be imported.
        """
        if name in self.refused:
            raise BenchError(self.refused[name])
        if name not in self.entries:
            hint = suggest(name, self.entries, listing("models") if self.kind == "model" else None)
            raise BenchError(f"expected the name of a {self.kind}, got {shown(name)}; {hint}")
        target = self.entries[name]
        return cast(Thing, load(target, f"the {self.kind} {name!r}"))


def load(target: str, what: str) -> Any:
    """Imports what `module:attribute` names; the attribute may have dots.

    Args:
        target: `module:attribute`.
        what: kind of the object, for messages.

    Raises:
        BenchError: the module cannot be imported or has no such attribute; names the nearest one that it has.
    """
    return guarded(f"{what} cannot be loaded from {target}", lambda: _find(target))


def _find(target: str) -> object:
    name, _, attribute = target.partition(":")
    module = importlib.import_module(name)
    try:
        return attrgetter(attribute)(module)
    except AttributeError as error:
        near = difflib.get_close_matches(attribute, dir(module), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BenchError(f"{error}{hint}{_shadowed(name.partition('.')[0])}") from error


def shadow_of(error: ImportError) -> str:
    """Returns which folder hides the package whose module was not found; empty if none hides it."""
    return _shadowed((error.name or "").partition(".")[0])


def _shadowed(root: str) -> str:
    """Returns the folder that Python finds in place of one of our packages; empty when it finds ours."""
    found = getattr(sys.modules.get(root), "__path__", ()) if root in OURS else ()
    folders = [Path(one) for one in found]  # A folder without __init__.py is a package, too, but no file.
    if not folders or any((one / "__init__.py").is_file() and _is_ours(one) for one in folders):
        return ""
    return f"; {folders[0]} is found in the place of our package {root!r}: rename it, or take it off the path"


def _is_ours(folder: Path) -> bool:
    """Returns whether a package was installed with this one: beside it, or as the checkout's `baselines/`."""
    beside = Path(__file__).resolve().parents[1]
    return folder.resolve() in {beside / name for name in (*OURS, "baselines")}


def guarded(what: str, call: Callable[[], Thing]) -> Thing:
    """Calls code that may be third-party.

    What it prints goes to stderr, so that a result on stdout stays whole.

    Args:
        what: beginning of the message when it fails.
        call: function to call.

    Raises:
        BenchError: it raised any exception, an attempt to leave the process included.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return call()
    except ImportError as error:
        raise BenchError(f"{what}: {' '.join(f'{error}{shadow_of(error)}'.split())}") from error
    except (Exception, SystemExit) as error:
        raise BenchError(f"{what}: {reason_of(error)}") from error


def unfit(thing: object, methods: Mapping[str, int]) -> str | None:
    """Returns why a third-party object does not fit: a method is missing, or takes another number of arguments.

    Args:
        thing: the object.
        methods: name of each method to the number of arguments that it is called with.
    """
    for name, count in methods.items():
        method = getattr(thing, name, None)
        if not callable(method):
            return f"expected a method {name!r}, got {type(thing).__name__} without it"
        try:
            inspect.signature(method).bind(*[None] * count)
        except TypeError as error:
            return f"expected {name!r} to take {count} arguments, got {error}"
        except ValueError:
            continue  # Of compiled code nothing is known beforehand.
    return None
