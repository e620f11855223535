"""Asks a server of models over HTTP: patiently while it is busy, with a key that goes nowhere else.

A server that is busy or broken is asked again after a while, unless what it may have done by then is paid for; any
other fault is the caller's to record. The key is read where it is sent, goes to its own server alone, over TLS or to
this machine, is kept nowhere, and is blotted out of messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import sleep
from typing import Any, ClassVar, TypeVar

import httpx2

from jova_bench.errors import BenchError
from jova_bench.files.reading import Pairs, parse_json
from jova_bench.formatting.messages import shown
from jova_bench.web.http import TIMEOUT_S, is_loopback, open_url
from jova_bench.web.keys import blotted, key_in

ATTEMPTS = 6
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 120.0
"""Seconds before the second attempt, doubled for each further one, and the longest that a server may ask for."""
_TOO_MANY = 429
"""Status of a server that is busy and has done nothing."""
_DENIED = (401, 403)

_ESCAPE = re.compile(
    r"\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][\da-fA-F]{2})|\\."
)
"""A pair, a half or any other escape, each whole: of an escaped backslash no half begins."""

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

    largest_bytes: ClassVar[int] = 1 << 20
    """Largest answer that is read, where the caller does not read it itself."""
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
            url = httpx2.URL(self.url)
            right = url.scheme in ("http", "https") and url.host and not url.query and not url.userinfo
            # httpx2 writes signs that no name has as %5B and the like.
            right = right and "%" not in url.host and (url.port is None or 0 < url.port < 1 << 16)
        except (httpx2.InvalidURL, ValueError):  # A name that IDNA does not know is a ValueError.
            right = False
        if not right:
            what = "the address of a server like http://localhost:8000/v1, without a name, a password or a query"
            raise BenchError(f"expected {what}; the key goes into {self.key_variable}")

    @property
    def host(self) -> str:
        """Name of the server."""
        return httpx2.URL(self.url).host

    @property
    def by(self) -> str:
        """Returns model and host, for records and messages."""
        return f"{self.model} at {self.host}"

    def send(self, call: Call, read: Callable[[httpx2.Response], Read]) -> Read:
        """Returns what `read` makes of the response to a call.

        Args:
            call: what is asked.
            read: reads the response, and raises OSError, httpx2.HTTPError or ValueError where it breaks off.

        Raises:
            NoAnswer: the server cannot be reached, is silent, refuses, or stays busy.
            BenchError: the key cannot be sent.
        """
        method, address = "GET" if call.body is None else "POST", f"{self.url.rstrip('/')}{call.path}"
        request = httpx2.Request(method, address, headers=dict(call.headers), content=call.body)
        if self._gets_key() and (key := key_in(self.key_variable)):
            request.headers["Authorization"] = f"Bearer {key}"
        wait = FIRST_WAIT_S
        for attempt in range(1, ATTEMPTS + 1):
            pause = wait
            if call.begun is not None:
                call.begun()
            try:
                with open_url(request, self.timeout_s) as response:
                    if response.is_success:
                        return read(response)
                    status = response.status_code
                    if call.once and response.request is not request:
                        # Says nothing of the call, which was taken: no status.
                        raise NoAnswer(str(self._refused(response, ", after a redirect")))
                    passes = status == _TOO_MANY or (is_broken(status) and not call.once)
                    if attempt == ATTEMPTS or not passes:
                        raise self._refused(response)
                    pause = max(wait, _asked_to_wait(response))
                    if pause > LONGEST_WAIT_S:
                        raise self._refused(response, f", which asks to wait {pause:.0f} s")
            except (OSError, httpx2.HTTPError, ValueError) as error:
                if attempt == ATTEMPTS or not call.repeatable:
                    why = self.blotted(str(error) or type(error).__name__)
                    raise NoAnswer(f"{self.by}: expected an answer, got none: {why}") from error
            sleep(pause)
            wait *= 2
        raise AssertionError

    def parsed(self, response: httpx2.Response, pairs: Pairs | None = None) -> Any:
        """Reads a response as JSON values.

        Args:
            response: to be read.
            pairs: makes an object from its keys and values; None for `unique_keys`.

        Raises:
            NoAnswer: it is anything else, or longer than `largest_bytes`.
        """
        content = content_of(response, self.largest_bytes + 1)
        if len(content) > self.largest_bytes:
            raise NoAnswer(f"{self.by}: expected an answer of at most {self.largest_bytes} bytes, got more")
        try:
            return parse_json(_text(content), self.by, pairs)
        except BenchError as error:
            raise NoAnswer(self.blotted(str(error))) from error

    def blotted(self, text: str) -> str:
        """Returns a text for a message, in which the key does not stand."""
        return blotted(text, self.key_variable)

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
        here = httpx2.URL(self.url).origin
        own = self.key_for is None or here == _origin(self.key_for)
        return own and (here.scheme == "https" or is_loopback(here.host))

    def _refused(self, response: httpx2.Response, more: str = "") -> NoAnswer:
        """Returns what is wrong: the status, and the server's own words, but where it speaks of keys."""
        status = response.status_code
        try:
            content = b"null" if status == _DENIED[0] else content_of(response, self.largest_bytes)
            found = parse_json(_text(content), "answer")
        except (BenchError, OSError, httpx2.HTTPError):  # The status says enough.
            found = None
        set_it = f"set {self.key_variable}" if self._gets_key() else f"{self.key_variable} is not for this server"
        hint = f"; {set_it}" if status in _DENIED else ""
        what = f"{self.by}: expected an answer, got status {status}{more}{self.message(found)}{hint}"
        return NoAnswer(what, status, found)


def is_broken(status: int) -> bool:
    """Returns whether a status leaves open what was done: 408, and those from 500 on. It passes."""
    return status == 408 or status >= 500


def content_of(response: httpx2.Response, most: int) -> bytes:
    """Reads a body, cut to `most` bytes. Raises httpx2.HTTPError if it breaks off."""
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > most:
            break
    return bytes(content[:most])


def _text(content: bytes) -> str:
    r"""Decodes JSON: bytes and halves of pairs that are no character become `\ufffd`, as most stand in messages."""
    return _ESCAPE.sub(lambda found: r"\ufffd" if found["half"] else found[0], content.decode(errors="replace"))


def _origin(url: str) -> httpx2.Origin | None:
    """Returns scheme, host and port of an address; None for a text that is none."""
    try:
        return httpx2.URL(url).origin
    except (httpx2.InvalidURL, ValueError):
        return None


def _asked_to_wait(response: httpx2.Response) -> float:
    """Returns the seconds of `Retry-After`, a number or a date; 0 without one that can be read."""
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):  # A year of many digits.
        return 0.0
    return max(0.0, (until - datetime.now(UTC)).total_seconds()) if until.tzinfo else 0.0
