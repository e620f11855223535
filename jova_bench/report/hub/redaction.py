"""Removes from records what tells of the machine, its user and its secrets."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jova_bench.assets.table import folder as weights
from jova_bench.errors import BenchError
from jova_bench.models.registry import CONTROLS

PATH, HOST, USER, SECRET = "PATH", "HOST", "USER", "SECRET"
"""What stands in the place of what was removed; ids may have such letters, so that records stay records."""
PUBLIC = ("huggingface.co", "github.com", "arxiv.org", "doi.org", "openreview.net")
"""Hosts whose addresses stay, without a query and whatever names a user in them."""
NOBODY = {"root", "user", "admin", "ubuntu", "debian", "runner", "nobody"}
"""User names that name no person."""
LOCK = re.compile("secret|passw|passphrase|pwd|credential", re.IGNORECASE)
"""Names of settings whose numbers are secrets, too; a number of tokens is none."""
SECRETIVE = re.compile(
    "(?:^|[_-]|api)keys?(?:$|[_-](?!frame))|(?-i:[a-z]Keys?(?![a-z]))|(?:^|[_-])pass$|(?:^|[_-])auth(?!ors?(?:$|[_-]))"
    f"|token(?!i[sz])|{LOCK.pattern}|bearer|cookie",
    re.IGNORECASE,
)
"""Names of variables and settings whose values are secrets."""
_TAGS = re.compile(rf"{LOCK.pattern}|api[_-]?key|(?:^|[_-])token$|bearer|authori[sz]ation", re.IGNORECASE)
"""Names of tags that are secrets: a prompt may well say the key of a song, its author, or what is low-pass."""
LEAST_SECRET, LEAST_VALUE = 6, 12
"""Fewest characters of a secret, and of the value of any other variable: shorter ones are words of our own, too."""

_ANY_VALUE = r"(?:\\+\"(?:.*?\\+\"|.*)|'[^']*'?|\"[^\"]*\"?|[^\s'\",;]+)"
"""A value to its closing quote, or where a text was cut before it, to the end."""
_SECRET_VALUE = rf"(?!\d+(?:\.\d+)?(?![\w.])){_ANY_VALUE}"
_IS = r"\\*['\"]?\s*[:=\uff1a\uff1d]\s*"
"""What stands between a name and its value, in JSON within JSON, too."""
_SECRET_NAME = (
    r"(?<![\w-])[\w-]*?(?:[_-]key|api ?key|access ?key|token|secret|passw|passphrase|pwd|credential)[\w-]*"
    r"|(?<![\w-])(?:key|auth)|(?<![\w-])(?-i:[\w-]*[a-z]Key)"
)
_TOKENS = re.compile(
    rf"(?i:\b(?:cookie|authori[sz]ation){_IS}.*|(?<![\w-])[\w-]*?(?:passw|passphrase|pwd)[\w-]*{_IS}{_ANY_VALUE}"
    rf"|(?:{_SECRET_NAME}){_IS}(?:(?:bearer|basic|token|digest)\s+)?{_SECRET_VALUE}"
    rf"|--[\w-]*(?:key|token|secret|passw\w*|auth)\s+{_SECRET_VALUE}|\bbearer\s+[\w.~+/-]{{8,}}=*)"
    r"|\b[Bb]asic\s+(?=\S*[\d=+/A-Z])[\w+/-]{8,}=*"
    r"|(?<![A-Za-z0-9])(?:(?:hf|gh[opsur]|github_pat|npm|r8|[sprw]k_live|[sprw]k_test)_\w{12,}"
    r"|(?:sk|glpat|pypi|xox[a-z])-[\w-]{10,}"
    r"|AIza[\w-]{20,}|A[KS]IA[0-9A-Z]{12,}|eyJ[\w-]{8,}\.[\w.-]+"
    r"|(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])(?=[A-Za-z]*\d)[A-Za-z0-9]{24,}(?![A-Za-z0-9]))"
)
"""What names itself a secret, what the best known services give out, and long words of mixed letters and digits."""
_WHERE = (
    rf"(?:{PATH}|{SECRET})[/\\]|(?:~[\w.-]*|\.{{1,2}})?/+(?=[^\s/])|[A-Za-z]:[\\/]|\\\\[\w?.]"
    r"|\$\{?\w+\}?/|%\w+%[\\/]|(?!(?i:https?|wss?):)[A-Za-z][A-Za-z0-9+.-]*://"
)
"""Where a path begins. It may have any sign, so that only a quote ends it: without one it has the rest of the line."""
_ROOTS = (
    r"(?:(?<=[)\]])|(?<=-[A-Za-z]))/(?=[^\s/]+/)|%2[Ff]|/(?:home|Users|mnt|srv|Volumes|scratch|workspace|lustre|nfs)/"
)
"""Where one begins within a word, as in `-I/home/...`."""
_QUOTED = rf"(?P<quote>['\"`])(?:(?!(?i:https?|wss?):)[\w.+-]+:)*(?:{_WHERE}).*(?P=quote)(?!\w)"
_UNQUOTED = rf"(?:(?<![A-Za-z0-9_.)\]%°/~])(?:{_WHERE})|(?:{_ROOTS})|(?:{PATH}|{SECRET})[/\\]).*"
_ADDRESS = r"\b(?i:https?|wss?)://[^\s'\"<>()\[\]{}]+"
_MAIL = (
    r"(?<![\w/.+-])[\w.+-]+:(?=[\w.+-]*[^\s'\"@/\w.+-])[^\s'\"@/]+@[A-Za-z][\w.-]*"
    r"|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b|(?<![\w/.+-])[\w.+-]+@[A-Za-z][\w-]*"
)
"""Addresses of mail, and names with a password of signs that no address has, at a host."""
_INSIDE = (
    r"\b[\w-]+(?:\.[\w-]+)*\.(?:internal|intranet|local|localdomain|lan|corp|intra|home)\b"
    r"|(?<![\w/.@-])[A-Za-z][\w-]*(?:\.[\w-]+)+\.(?!(?:py|pyx|cp?p?|cc|cuh?|h|hpp|js|toml|jsonl?|ya?ml|csv|md|txt|mp4|wav)\b)[A-Za-z][\w-]+:\d{2,5}\b"
)
_NUMBER = (
    r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|\b(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}\b"
    r"|\b(?:[0-9a-fA-F]{2}-){5}[0-9a-fA-F]{2}\b"
    r"|(?<![\w:])(?=[0-9a-fA-F:]*[0-9a-fA-F])(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?::"
    r"[0-9a-fA-F:.]*(?:%\w+)?(?!\w)"
)
_SHAPES = re.compile(
    f"(?P<path>{_QUOTED}|{_UNQUOTED})|(?P<address>{_ADDRESS})|(?P<mail>{_MAIL})|(?P<host>{_INSIDE}|{_NUMBER})"
)


class Redaction:
    """Replaces, in texts, what is known of this machine, and what has the shape of a path, an address or a secret."""

    def __init__(
        self,
        paths: Iterable[str] = (),
        secrets: Iterable[str] = (),
        hosts: Iterable[str] = (),
        users: Iterable[str] = (),
        metrics: Iterable[str] = (),
    ) -> None:
        """Takes what is to be removed: paths and secrets wherever they stand, and names where they are whole words.

        Args:
            paths: whatever signs they have.
            secrets: of any kind.
            hosts: without a domain.
            users: names of them.
            metrics: their names, for `NAME@BACKEND` is no address of mail.
        """
        before, after, domain = r"(?<![^\W_])", r"(?![^\W_])", r"(?:\.[\w-]*[A-Za-z][\w-]*)*"
        paths, secrets = set(paths), set(secrets)
        self._known = [(_any_of(paths, "", r"(?![\w-])"), PATH), (_any_of(secrets, "", ""), SECRET)]
        self._names = [(_any_of(hosts, before, domain + after), HOST), (_any_of(users, before, after), USER)]
        self._bytes = [one.encode("utf-8", "surrogateescape") for one in paths | secrets]
        self._metrics = frozenset(metrics)
        self._done: dict[str, str] = {}

    def tells(self, content: bytes) -> bool:
        """Returns whether bytes have a path or secret that is known."""
        return any(one in content for one in self._bytes)

    def __call__(self, text: str) -> str:
        """Returns a text without it; one that has nothing of the kind is returned as it is."""
        if text in CONTROLS:
            return text
        if text not in self._done:
            self._done[text] = self._redacted(text)
        return self._done[text]

    def _redacted(self, text: str) -> str:
        for known, instead in self._known:
            text = known.sub(instead, text)
        text = _SHAPES.sub(self._shape, _TOKENS.sub(SECRET, text))
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

    def settings(self, value: Any) -> Any:
        """Returns settings of JSON, redacted; one whose name tells a secret keeps no text."""
        if isinstance(value, list | tuple):
            return [self.settings(one) for one in value]
        if not isinstance(value, Mapping):
            return self.of(value)
        return {
            self(key): SECRET
            if one is not None and SECRETIVE.search(key) and (LOCK.search(key) or not isinstance(one, int | float))
            else self.settings(one)
            for key, one in value.items()
        }

    def tags(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Returns the tags of a prompt, redacted; one whose name tells a secret keeps no text."""
        return {self(name): SECRET if _TAGS.search(name) else self(value) for name, value in given.items()}

    def _shape(self, found: re.Match[str]) -> str:
        """Returns what stands in the place of a match."""
        if found["address"]:
            return _public(found["address"]) or HOST
        if found["mail"]:
            return found["mail"] if found["mail"].partition("@")[0] in self._metrics else USER
        quote = found["quote"] or ""
        return f"{quote}{PATH}{quote}" if found["path"] else HOST


def redaction(
    paths: Iterable[str],
    names: Iterable[str] = (),
    metrics: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Redaction:
    """Makes what redacts records of this machine.

    Args:
        paths: known to stand in records; the current folder, this user's and that of weights are known besides.
        names: of models and the suite, which are to be seen: a variable that has one for its value is no secret.
        metrics: names of them.
        environment: variables, whose values are removed; None for those of this process.
    """
    environment = os.environ if environment is None else environment
    seen, home = set(names), Path.home()
    given = [*map(Path, paths), home, Path.cwd(), weights()]
    known = {str(path) for one in given for path in (one, one.absolute(), one.resolve())}
    secrets = {
        value
        for name, lines in environment.items()
        for value in {lines, *map(str.strip, lines.splitlines())}
        if value not in seen
        and len(value) >= (LEAST_SECRET if SECRETIVE.search(name) else LEAST_VALUE)
        and (SECRETIVE.search(name) or not _is_digest(value))
    }
    hosts = {one.partition(".")[0] for one in (socket.gethostname(), environment.get("HOSTNAME", ""))} - {"localhost"}
    users = {_user(), home.name, environment.get("SUDO_USER", "")} - NOBODY
    return Redaction((one for one in known if one.count(os.sep) > 1), secrets, hosts, users, metrics)


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


def _public(address: str) -> str | None:
    """Returns an address of a public host without what may be a secret in it; None for any other."""
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2].lower()
    if scheme not in ("http", "https") or host not in PUBLIC:
        return None
    return f"{scheme}://{host}{slash}{re.split('[?#]', path)[0]}"
