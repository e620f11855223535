"""Removes from records what tells of the machine, its user and its secrets."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from jova_bench.errors import BenchError

PATH, HOST, USER, SECRET = "PATH", "HOST", "USER", "SECRET"
"""What stands in the place of what was removed; ids may have such letters, so that records stay records."""
PUBLIC = ("huggingface.co", "github.com", "arxiv.org", "doi.org", "openreview.net")
"""Hosts whose addresses stay, without a query and whatever names a user in them."""
NOBODY = {"root", "user", "admin", "ubuntu", "debian", "runner", "nobody"}
"""User names that name no person."""
SECRETIVE = re.compile("(?:^|_|api)keys?(?:_|$)|token|secret|passw|credential|(?:^|_)auth(?:_|$)|cookie", re.IGNORECASE)
"""Names of variables whose values are secrets."""
LEAST_SECRET, LEAST_VALUE = 6, 12
"""Fewest characters of a secret, and of the value of any other variable: shorter ones are words of our own, too."""

_KNOWN_TOKENS = (
    r"\b(?:hf_\w{16,}|gh[opsur]_\w{16,}|sk-[\w-]{16,}|AKIA[0-9A-Z]{12,}|(?i:bearer\s+[\w.~+/-]{8,}=*)"
    r"|(?i:(?:api[_-]?key|token|password|secret)\s*[=:]\s*[^\s'\",;]{8,}))"
)
_ADDRESS = r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>()\[\]{}]+"
_MAIL = r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b"
_QUOTED = r"(?P<quote>['\"])(?:~[\w.-]*)?(?:/|[A-Za-z]:[\\/]|\\\\)(?:(?!(?P=quote)).)+(?P=quote)"
_UNQUOTED = (
    r"(?<![\w./~-])(?:~[\w.-]*)?/[^\s'\"<>|,;()\[\]{}]+|(?<!\w)[A-Za-z]:[\\/][^\s'\"<>|,;]+|\\\\\w[^\s'\"<>|,;]+"
)
_INSIDE = r"\b[\w-]+(?:\.[\w-]+)*\.(?:internal|intranet|local|localdomain|lan|corp|intra|home)\b"
_NUMBER = r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|\b(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}\b"
_SHAPES = re.compile(
    f"(?P<token>{_KNOWN_TOKENS})|(?P<address>{_ADDRESS})|(?P<mail>{_MAIL})|(?P<path>{_QUOTED}|{_UNQUOTED})"
    f"|(?P<host>{_INSIDE}|{_NUMBER})"
)
_REST = re.compile(rf"(?:{PATH}|{SECRET})[/\\][^\s'\"<>|,;()\[\]{{}}]*")


class Redaction:
    """Replaces, in texts, what is known of this machine, and what has the shape of a path, an address or a secret."""

    def __init__(
        self, paths: Iterable[str], secrets: Iterable[str], hosts: Iterable[str], users: Iterable[str]
    ) -> None:
        """Takes paths and secrets, which are replaced wherever they stand, and names, where they are whole words."""
        before, after, domain = r"(?<![^\W_])", r"(?![^\W_])", r"(?:\.[\w-]*[A-Za-z][\w-]*)*"
        self._known = [(_any_of(paths, "", r"(?![\w-])"), PATH), (_any_of(secrets, "", ""), SECRET)]
        self._names = [(_any_of(hosts, before, domain + after), HOST), (_any_of(users, before, after), USER)]
        self._done: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        """Returns a text without it; one that has nothing of the kind is returned as it is."""
        if text not in self._done:
            self._done[text] = self._redacted(text)
        return self._done[text]

    def _redacted(self, text: str) -> str:
        for known, instead in self._known:
            text = known.sub(instead, text)
        text = _REST.sub(PATH, _SHAPES.sub(_shape, text))
        for known, instead in self._names:
            text = known.sub(instead, text)
        return text

    def of(self, value: Any) -> Any:
        """Returns a value of JSON with its texts and keys redacted. Counts of texts that became one are added.

        Raises:
            BenchError: two keys became one.
        """
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list | tuple):
            return [self.of(one) for one in value]
        if not isinstance(value, Mapping):
            return value
        pairs = [(self(key), self.of(one)) for key, one in value.items()]
        if len(dict(pairs)) == len(pairs):
            return dict(pairs)
        if all(isinstance(count, int) for _, count in pairs):
            total: Counter[str] = Counter()
            for key, count in pairs:
                total[key] += count
            return dict(total)
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise BenchError(
            f"expected names that stay apart without the names of this machine and its user, got two that become "
            f"{twice!r}; rename one in a run of its own"
        )


def redaction(
    folders: Iterable[Path],
    names: Iterable[str] = (),
    identities: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Redaction:
    """Makes what redacts records of this machine.

    Args:
        folders: whose paths are known to stand in records; this user's and the current one are known besides.
        names: of models and the suite, which are to be seen: a variable that has one for its value is no secret.
        identities: of metrics: no part of one is a secret or the name of a person.
        environment: variables, whose values are removed; None for those of this process.
    """
    environment = os.environ if environment is None else environment
    seen, parts, home = set(names), "\n".join(identities).lower(), Path.home()
    paths = {str(path) for one in (*folders, home, Path.cwd()) for path in (one.absolute(), one.resolve())}
    secrets = {
        value
        for name, value in environment.items()
        if value not in seen
        and len(value) >= (LEAST_SECRET if SECRETIVE.search(name) else LEAST_VALUE)
        and (SECRETIVE.search(name) or not _is_digest(value))
    }
    hosts = {one.partition(".")[0] for one in (socket.gethostname(), environment.get("HOSTNAME", ""))} - {"localhost"}
    users = {_user(), home.name, environment.get("SUDO_USER", "")} - NOBODY
    hidden = ({one for one in found if one.lower() not in parts} for found in (secrets, hosts, users))
    return Redaction({one for one in paths if one.count(os.sep) > 1}, *hidden)


def _any_of(found: Iterable[str], before: str, after: str) -> re.Pattern[str]:
    """Returns a pattern of any of some texts, the longest first, in any case of letters; of none, of nothing."""
    texts = sorted({one for one in found if len(one) > 1}, key=lambda one: (-len(one), one))
    return re.compile(f"{before}(?:{'|'.join(map(re.escape, texts))}){after}" if texts else "(?!)", re.IGNORECASE)


def _is_digest(value: str) -> bool:
    """Tells whether the value of a variable may be a commit or a digest, which records have, too."""
    return re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", value) is not None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _shape(found: re.Match[str]) -> str:
    """Returns what stands in the place of a match."""
    if found["address"]:
        return _public(found["address"]) or HOST
    if found["path"] and found["quote"]:
        return f"{found['quote']}{PATH}{found['quote']}"
    kinds: Mapping[str, Callable[[], str]] = {
        "token": lambda: SECRET, "mail": lambda: USER, "path": lambda: PATH, "host": lambda: HOST,
    }  # fmt: skip
    return kinds[found.lastgroup or "path"]()


def _public(address: str) -> str | None:
    """Returns an address of a public host without what may be a secret in it; None for any other."""
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2].lower()
    if scheme not in ("http", "https") or host not in PUBLIC:
        return None
    return f"{scheme}://{host}{slash}{re.split('[?#]', path)[0]}"
