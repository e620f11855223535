"""Answers requests of raters: pages and clips by their secret addresses, and what they answer into a store."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, parse_json
from jova_bench.votes.study import Given
from jova_bench.web.local import NEVER, LocalHandler

LONGEST_BODY = 1 << 16
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".mp4": "video/mp4"}
KEPT = "private, max-age=3600"
"""What a browser may keep of clips, scripts and styles: they do not change while a study is served."""
BLANK = 'data-rater="" data-booklet=""'
"""What the page has in the place of the rater's name and list of pairs."""


class Store(Protocol):
    """Keeps answers."""

    def add(self, rater: str, lines: Sequence[Given]) -> list[int]:
        """Stores the answers of one rater, and returns the places of those to what was answered otherwise before.

        Raises:
            BenchError: one is no answer of this rater.
            OSError: they cannot be stored.
        """


class RaterHandler(LocalHandler):
    """Answers `/TOKEN/...`: pages and clips by GET, answers by POST."""

    pages: Path
    store: Store
    access: Mapping[str, tuple[str, int]]

    def answer(self) -> None:
        """Sends a page or a part of a clip."""
        if (found := self._rater()) is None:
            return
        rater, booklet, name = found
        path = self.pages / (name or "index.html")
        if not re.fullmatch(r"(index\.html|vote\.js|vote\.css|clips/[0-9a-f]+\.mp4)?", name) or not path.is_file():
            self.end(HTTPStatus.NOT_FOUND)
            return
        content = path.read_bytes()
        if path.name == "index.html":
            content = content.replace(BLANK.encode(), f'data-rater="{rater}" data-booklet="{booklet}"'.encode())
        self.send_bytes(content, TYPES[path.suffix], NEVER if path.suffix == ".html" else KEPT)

    def receive(self) -> None:
        """Appends answers: JSON lines."""
        if (found := self._rater()) is None:
            return
        rater, _, name = found
        length = _number(self.headers.get("Content-Length", ""))
        if name != "answers" or length is None or length > LONGEST_BODY:
            wrong = HTTPStatus.BAD_REQUEST if length is None else HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self.refuse(HTTPStatus.NOT_FOUND if name != "answers" else wrong)
            return
        body = self.rfile.read(length)
        try:
            known = self.store.add(rater, list(_lines(body)))
        except BenchError:
            self.end(HTTPStatus.BAD_REQUEST)
        except OSError:
            self.end(HTTPStatus.INSUFFICIENT_STORAGE)
        else:
            if known:
                self.send_bytes(json.dumps({"known": known}).encode(), "application/json")
            else:
                self.end(HTTPStatus.NO_CONTENT)

    def _rater(self) -> tuple[str, int, str] | None:
        """Returns the rater's name and booklet, and what is asked for; None where the request was answered."""
        if (path := self.asked_path()) is None:
            return None
        token, slash, name = path.removeprefix("/").partition("/")
        known = next(
            (one for key, one in self.access.items() if secrets.compare_digest(key.encode(), token.encode())), None
        )
        if known is None:
            self.refuse(HTTPStatus.FORBIDDEN)
            return None
        if not slash:  # Scripts and clips lie beside the page, so that a browser would ask for them elsewhere.
            self.refuse(HTTPStatus.FOUND, {"Location": f"/{token}/"})
            return None
        return *known, name


def _number(text: str) -> int | None:
    """Returns the number of a header; None for what is none, or longer than any size."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _lines(body: bytes) -> Iterator[Given]:
    """Yields the answers of a request. Raises BenchError for anything else."""
    for line in body.decode("utf-8", "replace").splitlines():
        yield as_record(Given, parse_json(line, "the request"), "the request")
