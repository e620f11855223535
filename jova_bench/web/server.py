"""Asks a server of models over HTTP: patiently while it is busy, with a key that goes nowhere else.

A server that is busy or broken is asked again after a while, unless what it may have done by then is paid for; any
other fault is the caller's to record. The key is read where it is sent, goes to its own server alone, over TLS or to
this machine, is kept nowhere, and is blotted out of messages.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from time import sleep
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from jova_bench.errors import BenchError
from jova_bench.files.reading import parse_json
from jova_bench.formatting.messages import shown
from jova_bench.web.http import CHUNK, TIMEOUT_S, is_loopback, open_url

ATTEMPTS = 6
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 120.0
"""Seconds before the second attempt, doubled for each further one, and the longest that a server may ask for."""
LARGEST_BYTES = 1 << 20
"""Largest answer that is read, where the caller does not read it itself."""
_TOO_MANY = 429
"""Status of a server that is busy and has done nothing."""
_DENIED = (401, 403)

Read = TypeVar("Read")


class NoAnswer(BenchError):
    """Raised where a server gives no answer; another day it may."""

    def __init__(self, message: str, status: int | None = None, said: Any = None) -> None:
        """Stores the message, and where there was an answer of HTTP its status and what it says as JSON values."""
        super().__init__(message)
        self.status, self.said = status, said


@dataclass(frozen=True)
class Call:
    """What is asked of a server."""

    path: str
    """Beginning with `/`, after the server's address."""
    body: bytes | None = field(default=None, repr=False)
    """None asks by GET."""
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    """Whether it is asked again where the connection is lost: not for what would be made, or paid for, twice."""
    once: bool = False
    """Whether it is not asked again where a server, or a gateway in front of it, breaks (408, 5xx) either: what was
    asked for may be made by then, and paid for."""
    begun: Callable[[], None] | None = field(default=None, repr=False)
    """Called as each attempt begins."""


@dataclass(frozen=True)
class ModelServer:
    """A server, and the model that it is asked for."""

    url: str
    """Beginning of the address."""
    model: str
    key_variable: str
    """Environment variable of the key."""
    timeout_s: float = TIMEOUT_S
    """Seconds without a byte after which a connection counts as broken: a server is silent while it thinks."""
    key_for: str | None = None
    """Address that the key is for: a server of another scheme, host or port gets none. None for this one."""

    def __post_init__(self) -> None:
        """Refuses addresses that are none, or that hold a secret. Raises BenchError."""
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username or port == 0:
            what = "the address of a server like http://localhost:8000/v1, without a name, a password or a query"
            raise BenchError(f"expected {what}; the key goes into {self.key_variable}")

    @property
    def by(self) -> str:
        """Returns model and host, for records and messages."""
        return f"{self.model} at {urlsplit(self.url).hostname}"

    def send(self, call: Call, read: Callable[[Any], Read]) -> Read:
        """Returns what `read` makes of the response to a call.

        Args:
            call: what is asked.
            read: reads the response, and raises OSError, HTTPException or ValueError where it breaks off.

        Raises:
            NoAnswer: the server cannot be reached, is silent, refuses, or stays busy.
            BenchError: the key cannot be sent.
        """
        key = self._key() if self._gets_key() else ""
        request = Request(f"{self.url.rstrip('/')}{call.path}", call.body, dict(call.headers))
        if key:
            request.add_unredirected_header("Authorization", f"Bearer {key}")  # For this server alone.
        wait = FIRST_WAIT_S
        for attempt in range(1, ATTEMPTS + 1):
            pause = wait
            if call.begun is not None:
                call.begun()
            try:
                with open_url(request, self.timeout_s) as response:
                    return read(response)
            except HTTPError as error:
                with error:
                    if call.once and error.filename != request.full_url:
                        # Says nothing of the call, which was taken: no status.
                        raise NoAnswer(str(self._refused(error, ", after a redirect"))) from error
                    passes = error.code == _TOO_MANY or (is_broken(error.code) and not call.once)
                    if attempt == ATTEMPTS or not passes:
                        raise self._refused(error) from error
                    pause = max(wait, _asked_to_wait(error))
                    if pause > LONGEST_WAIT_S:
                        raise self._refused(error, f", which asks to wait {pause:.0f} s") from error
            except (OSError, HTTPException, ValueError) as error:
                if attempt == ATTEMPTS or not call.repeatable:
                    why = getattr(error, "reason", None) or error
                    raise NoAnswer(f"{self.by}: expected an answer, got none: {self.blotted(str(why))}") from error
            sleep(pause)
            wait *= 2
        raise AssertionError

    def parsed(self, response: Any) -> Any:
        """Reads a response as JSON values. Raises NoAnswer for anything else."""
        content = content_of(response, LARGEST_BYTES).decode(errors="replace")
        try:
            return parse_json(content, self.by)
        except BenchError as error:
            raise NoAnswer(self.blotted(str(error))) from error

    def blotted(self, text: str) -> str:
        """Returns a text for a message, in which the key does not stand, nor as JSON writes it."""
        if key := os.environ.get(self.key_variable, "").strip():
            written = json.dumps(key)[1:-1]
            forms = (written.replace("/", "\\/"), written, key)
            return re.sub("|".join(map(re.escape, forms)), "[key]", text)
        return text

    def shown(self, value: Any) -> str:
        """Returns what a server says as `formatting.messages.shown` does, without the key."""
        return shown(self.blotted(value)) if isinstance(value, str) else self.blotted(shown(value))

    def message(self, said: Any) -> str:
        """Returns a server's own words on a fault, to be shown after what it is; empty where it has none."""
        while isinstance(said, dict):
            said = next((said[key] for key in ("error", "message", "detail") if key in said), None)
        return f": {self.shown(said)}" if isinstance(said, str) and said.strip() else ""

    def _gets_key(self) -> bool:
        """Returns whether the key is for this server, and would not pass a network as plain text."""
        here = _origin(self.url)
        own = self.key_for is None or here == _origin(self.key_for)
        return own and (here[0] == "https" or is_loopback(here[1]))

    def _key(self) -> str:
        """Returns the key; empty without one."""
        key = os.environ.get(self.key_variable, "").strip()
        if not re.fullmatch(r"[\x21-\x7e]*", key):  # The error of the standard library would show it.
            raise BenchError(f"expected a key of letters, digits and signs of ASCII in {self.key_variable}")
        return key

    def _refused(self, error: HTTPError, more: str = "") -> NoAnswer:
        """Returns what is wrong: the status, and the server's own words, but where it speaks of keys."""
        denied = error.code in _DENIED
        try:
            content = b"null" if error.code == _DENIED[0] else content_of(error, LARGEST_BYTES)
            found = parse_json(content.decode(errors="replace"), "answer")
        except (BenchError, OSError, HTTPException, ValueError):  # The status says enough.
            found = None
        set_it = f"set {self.key_variable}" if self._gets_key() else f"{self.key_variable} is not for this server"
        hint = f"; {set_it}" if denied else ""
        what = f"{self.by}: expected an answer, got status {error.code}{more}{self.message(found)}{hint}"
        return NoAnswer(what, error.code, found)


def is_broken(status: int) -> bool:
    """Returns whether a status leaves open what was done: 408, and those from 500 on. It passes."""
    return status == 408 or status >= 500


def content_of(response: Any, most: int) -> bytes:
    """Reads a body, cut to `most` bytes. Raises HTTPException if it ends before its stated length."""
    content = bytearray()
    for part in parts_of(response):
        content += part
        if len(content) > most:
            break
    return bytes(content[:most])


def parts_of(response: Any) -> Iterator[bytes]:
    """Yields a body as it comes. Raises HTTPException if it ends before its stated length."""
    came = 0
    while part := response.read1(CHUNK):
        came += len(part)
        yield part
    stated = response.headers.get("Content-Length", "")
    if stated.isdecimal() and came < int(stated):
        raise HTTPException(f"{came} of {stated} bytes came")


def _origin(url: str) -> tuple[str, str, int | None]:
    """Returns scheme, host and port of an address; three that no server has for a text that is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port


def _asked_to_wait(error: HTTPError) -> float:
    """Returns the seconds of `Retry-After`, a number or a date; 0 without one that can be read."""
    value = (error.headers.get("Retry-After") or "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, (until - datetime.now(UTC)).total_seconds()) if until.tzinfo else 0.0
