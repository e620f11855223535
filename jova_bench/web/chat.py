"""Asks a server that speaks OpenAI's chat protocol (vLLM, llama.cpp, any vendor's): one question, one answer.

A server that is busy or broken is asked again after a while; any other fault is the caller's to record. The key is read
where it is sent, kept nowhere, and blotted out of whatever the server says.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from time import sleep
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from jova_bench.errors import BenchError
from jova_bench.files.reading import parse_json
from jova_bench.formatting.messages import shown
from jova_bench.web.http import TIMEOUT_S, open_url

ATTEMPTS = 6
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 120.0
"""Seconds before the second attempt, doubled for each further one, and the longest that a server may ask for."""
LARGEST_BYTES = 1 << 20
_BUSY = (408, 429)
"""Statuses that pass, as those from 500 on do."""
_DENIED = (401, 403)


class NoAnswer(BenchError):
    """Raised where a server gives no answer; another day it may."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """Stores the message, and the status of HTTP where there was one."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class ChatServer:
    """A server, and the model that it is asked for."""

    url: str
    """Beginning of the address, up to `/v1`."""
    model: str
    key_variable: str
    """Environment variable of the key."""
    timeout_s: float = TIMEOUT_S
    """Seconds without a byte after which a connection counts as broken: a server is silent while it thinks."""

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

    def ask(self, body: Mapping[str, Any]) -> Any:
        """Returns the answer to one question, as JSON values.

        Args:
            body: `messages` and the options of the request; the model is added.

        Raises:
            NoAnswer: the server cannot be reached, is silent, refuses, stays busy, or answers no JSON.
            BenchError: the key cannot be sent.
        """
        key = self._key()
        request = Request(
            f"{self.url.rstrip('/')}/chat/completions",
            json.dumps({"model": self.model, **body}).encode(),
            {"Content-Type": "application/json"},
        )
        if key:
            request.add_unredirected_header("Authorization", f"Bearer {key}")  # For this server alone.
        wait = FIRST_WAIT_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with open_url(request, self.timeout_s) as response:
                    return self._parsed(_blotted(_content(response), key))
            except HTTPError as error:
                with error:
                    if attempt == ATTEMPTS or not (error.code in _BUSY or error.code >= 500):
                        raise self._refused(error, key) from error
                    pause = max(wait, _asked_to_wait(error))
                    if pause > LONGEST_WAIT_S:
                        raise self._refused(error, key, f", which asks to wait {pause:.0f} s") from error
            except (OSError, HTTPException, ValueError) as error:
                why = getattr(error, "reason", None) or error
                raise NoAnswer(f"{self.by}: expected an answer, got none: {why}") from error
            sleep(pause)
            wait *= 2
        raise AssertionError

    def _key(self) -> str:
        """Returns the key; empty without one."""
        key = os.environ.get(self.key_variable, "").strip()
        if not re.fullmatch(r"[\x21-\x7e]*", key):  # The error of the standard library would show it.
            raise BenchError(f"expected a key of letters, digits and signs of ASCII in {self.key_variable}")
        return key

    def _parsed(self, content: str) -> Any:
        try:
            return parse_json(content, self.by)
        except BenchError as error:
            raise NoAnswer(str(error)) from error

    def _refused(self, error: HTTPError, key: str, more: str = "") -> NoAnswer:
        """Returns what is wrong: the status, and the server's own words, but where it speaks of keys."""
        denied = error.code in _DENIED
        said = "" if error.code == _DENIED[0] else _message(_blotted(_content(error), key))
        hint = f"; set {self.key_variable}" if denied else ""
        return NoAnswer(f"{self.by}: expected an answer, got status {error.code}{more}{said}{hint}", error.code)


def text_of(answer: Any, by: str) -> str:
    """Returns the text of an answer. Raises NoAnswer for anything else.

    Args:
        answer: as `ChatServer.ask` returns it.
        by: beginning of the message.
    """
    try:
        text = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str) or not text.strip():
        raise NoAnswer(f"{by}: expected an answer with a text, got {shown(answer)}")
    return text


def _content(response: Any) -> bytes:
    """Reads a body, up to `LARGEST_BYTES`."""
    content = b""
    while len(content) <= LARGEST_BYTES and (part := response.read1(LARGEST_BYTES)):
        content += part
    return content[:LARGEST_BYTES]


def _blotted(content: bytes, key: str) -> str:
    """Returns a body as text in which the key does not stand."""
    text = content.decode(errors="replace")
    return text.replace(key, "[key]") if key else text


def _message(content: str) -> str:
    """Returns a server's own words on a fault, to be shown after a status; empty where it has none."""
    try:
        said = parse_json(content, "answer")
    except BenchError:
        return ""
    while isinstance(said, dict):
        said = next((said[key] for key in ("error", "message", "detail") if key in said), None)
    return f": {shown(said)}" if isinstance(said, str) and said.strip() else ""


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
