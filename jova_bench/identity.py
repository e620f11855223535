"""What a number is: the identity of the metric that measured it, as a record that is its own text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown

Profile = Literal["embedded", "standard"]
CLEAN = "clean"
"""Protocol of metrics that follow no published bench."""
FORM = "name@version/profile:backend[weights]{params}, or profile/compat:bench@commit for profile"
_FORM = re.compile(
    r"(?P<name>[^@/]+)@(?P<version>\d{1,9})/(?P<profile>embedded|standard)(/compat:(?P<protocol>[^@:]+@[^@:]+))?"
    r":(?P<backend>[^\[{]+)(\[(?P<weights>[^\]]+)\])?(\{(?P<params>.+)\})?",
    re.DOTALL | re.ASCII,
)
_KEY = re.compile(r"[^\s=,{}]+=")


class Selection(NamedTuple):
    """Names metrics as a user types them: `name`, `name@variant`, or `@variant` for that of every metric."""

    name: str
    """Empty for every metric."""
    variant: str | None

    def __str__(self) -> str:
        return self.name if self.variant is None else f"{self.name}@{self.variant}"

    @classmethod
    def parse(cls, text: str) -> Selection:
        """Reads what a user typed."""
        name, _, variant = text.partition("@")
        return cls(name, variant or None)


class NoIdentity(BenchError, ValueError):
    """Raised for a text that is no identity, and for parts whose text would be read as others.

    A ValueError, too, so that a file's record names the field.
    """


@dataclass(frozen=True, eq=False, repr=False)
class Identity(str):
    """Holds all that could change a number: two numbers compare only where these are equal.

    It is a `str`, `name@version/profile:backend[weights]{params}`, with `profile/compat:bench@commit` for `profile`
    where a published bench is followed bug for bug: files, tables and keys take it as it is. No two records have the
    same text. `params` is one text, since the values of parameters have commas and braces of their own.

    Raises:
        NoIdentity: a part has a character that ends it in the text or cannot be printed, begins or ends with a space,
            or has another form.
    """

    name: str
    version: int
    profile: Profile
    backend: str
    """Which evaluator measures, e.g. `syncnet-a`; may have a `/`."""
    protocol: str = CLEAN
    """`clean`, or `bench@commit`."""
    weights: str | None = None
    """Digest of the weights; None without weights."""
    params: str = ""
    """`key=value`, sorted by key, with commas between; empty without parameters."""

    def __new__(
        cls,
        name: str,
        version: int,
        profile: Profile,
        backend: str,
        protocol: str = CLEAN,
        weights: str | None = None,
        params: str = "",
    ) -> Self:
        """Writes the text."""
        family = profile if protocol == CLEAN else f"{profile}/compat:{protocol}"
        of_weights, of_params = f"[{weights}]" if weights is not None else "", f"{{{params}}}" if params else ""
        text = f"{name}@{version}/{family}:{backend}{of_weights}{of_params}"
        if _parts(text) != (name, version, profile, backend, protocol, weights, params):
            raise NoIdentity(f"expected parts of {FORM}, got {shown(text)}, which would be read as others; rename them")
        for part in (name, backend, protocol, weights or ""):
            if not part.isprintable() or part != part.strip():
                raise NoIdentity(f"expected printable parts without spaces around them, got {shown(part)}; rename it")
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Reads the text of a file or of a user.

        Raises:
            NoIdentity: it is none.
        """
        return _parsed(text)

    @property
    def bench(self) -> str | None:
        """Returns the published bench that is followed, without its commit; None for a clean metric."""
        return None if self.protocol == CLEAN else self.protocol.partition("@")[0]

    @property
    def commit(self) -> str:
        """Returns the commit of the bench; empty for a clean metric."""
        return "" if self.protocol == CLEAN else self.protocol.partition("@")[2]

    @property
    def select(self) -> str:
        """Returns what a user types for it: `name`, or `name@bench`."""
        return str(Selection(self.name, self.bench))

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Returns the parts, of which a copy in another process is made."""
        return (self.name, self.version, self.profile, self.backend, self.protocol, self.weights, self.params)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Lets records read it from the text that their files hold."""
        return core_schema.no_info_after_validator_function(_parsed, handler(str))


def joined(params: Mapping[str, str | int | float]) -> str:
    """Joins parameters as `key=value`, sorted by key, with commas between.

    No two have the same text, but for a number and its own text: 1 and "1" are one value. A value may have parameters
    of its own, such as those of a detector, where they are in braces or the order of the keys tells them apart.

    Raises:
        NoIdentity: a key has a space, `=`, a comma or a brace, or the text would be read as other parameters.
    """
    pairs = [(key, str(params[key])) for key in sorted(params)]
    text = ",".join(f"{key}={value}" for key, value in pairs)
    if _split(text) != pairs:
        raise NoIdentity(
            f"expected params whose keys have no space, `=`, comma or brace, and values without `,key=` but in braces, "
            f"got {shown(dict(params))}, which would be read as others; rename them"
        )
    return text


def _split(text: str) -> list[tuple[str, str]]:
    """Returns the keys and values of a joined text.

    A `key=` after a comma outside of braces begins the next parameter; but keys are sorted, so that one that is not
    before the next stands in the value to its left.
    """
    found: list[tuple[str, str]] = []
    inner = ""
    for one in reversed(pieces(text)):
        key, _, value = one.partition("=")
        if not _KEY.match(one) or (found and key >= found[-1][0]):
            inner = f",{one}{inner}"
        else:
            found.append((key, f"{value}{inner}"))
            inner = ""
    return [("", inner)] * bool(inner) + found[::-1]


def pieces(text: str) -> list[str]:
    """Splits a text at its commas outside of braces."""
    found, depth = [""] if text else [], 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return found


def _parts(text: str) -> tuple[Any, ...] | None:
    """Returns name, version, profile, backend, protocol, weights and params; None for a text of another form."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    name, version, profile, _, protocol, backend, _, weights, _, params = found.groups()
    return name, int(version), profile, backend, protocol or CLEAN, weights, params or ""


@lru_cache(4096)
def _parsed(text: str) -> Identity:
    parts = _parts(text)
    found = None if parts is None else Identity(*parts)
    if found is None or found != text:  # Two texts may have the same parts: version 1 and 01.
        raise NoIdentity(f"expected a metric's identity, {FORM}, got {shown(text)}")
    return found
