"""Serves a study on this machine alone: raters have secret addresses, and answers are only ever appended."""

from __future__ import annotations

import json
import os
import secrets
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from jova_bench.errors import BenchError
from jova_bench.files.locks import Busy, acquire
from jova_bench.files.reading import as_record, parse_json, read_bytes, read_json, read_json_lines
from jova_bench.files.writing import write_file
from jova_bench.ids import file_stem
from jova_bench.records import FileRecord, Id, Record
from jova_bench.votes.requests import RaterHandler
from jova_bench.votes.study import ANSWERS, PAGES, TOKENS, Given, Key, opened, read_key
from jova_bench.web.local import LocalServer, listen

LOCK = ".lock"


class Access(Record):
    """How a rater reaches a study."""

    token: str
    """Secret part of the address."""
    booklet: int
    """List of pairs, from 0."""


class Raters(FileRecord):
    """Raters of a study by name: `raters.json`."""

    raters: Mapping[Id, Access]
    """Access by name."""


class Answers:
    """Answers of a study on disk: appended, never replaced."""

    def __init__(self, folder: Path, key: Key) -> None:
        """Reads what raters have answered. Raises BenchError where a file is damaged or cannot be written."""
        self._folder, self._key, self._lock = folder / ANSWERS, key, threading.Lock()
        self._given: dict[tuple[str, str, frozenset[str]], Given] = {}
        try:
            self._folder.mkdir(exist_ok=True)
            paths = sorted(self._folder.glob("*.jsonl"))
            for path in paths:
                _end_last_line(path)
        except OSError as error:
            raise BenchError(f"expected answers that can be written, got {self._folder}: {error.strerror}") from error
        for path in paths:
            for number, line in read_json_lines(path):
                if isinstance(line, BenchError):
                    raise line
                one = as_record(Given, line, f"{path}:{number}")
                self._given.setdefault(_place(one), one)

    def add(self, rater: str, lines: Sequence[Given]) -> list[int]:
        """Appends the answers of one rater to what has none yet.

        Returns:
            The places in `lines` of those to what was answered otherwise, from 0: the first answer stays.

        Raises:
            BenchError: one is no answer of this rater to this study; nothing is appended.
            OSError: the disk does not take them, such as a full one; nothing is appended.
        """
        with self._lock:
            new: dict[tuple[str, str, frozenset[str]], Given] = {}
            known = []
            for number, one in enumerate(lines):
                opened(self._key, one, "the request")
                if one.rater != rater:
                    raise BenchError(f"expected answers of {rater!r}, got one of {one.rater!r}")
                before = self._given.get(_place(one)) or new.setdefault(_place(one), one)
                if _preferred(before) != _preferred(one):
                    known.append(number)
            if new:
                text = "".join(f"{one.model_dump_json()}\n" for one in new.values())
                _append(self._folder / f"{file_stem(rater)}.jsonl", text.encode())
                self._given |= new
            return known


def _place(one: Given) -> tuple[str, str, frozenset[str]]:
    return one.rater, one.question, frozenset((one.left, one.right))


def _preferred(one: Given) -> str:
    """Returns the clip that an answer names, whichever side it is on, or the answer."""
    return {"left": one.left, "right": one.right}.get(one.answer, f"({one.answer})")


def _append(path: Path, content: bytes) -> None:
    """Appends all of the bytes or, where the disk does not take them, none. Raises OSError."""
    with path.open("ab", buffering=0) as file:
        length = file.seek(0, os.SEEK_END)
        try:
            while content:
                content = content[file.write(content) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(length)
            raise


def _end_last_line(path: Path) -> None:
    """Ends the last line of a file of answers, or cuts it where it is no JSON: its writer was killed."""
    data = read_bytes(path)
    start = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    if not data[start:].strip():
        return
    try:
        parse_json(data[start:].decode("utf-8-sig", "replace"), str(path))
    except BenchError:
        os.truncate(path, start)
    else:
        _append(path, b"\n")


def admit(folder: Path, names: Sequence[str]) -> Raters:
    """Returns the raters of a study with some more; those that are known keep their addresses.

    Raises:
        BenchError: a name is no id, or the file cannot be written.
    """
    key, path = read_key(folder), folder / TOKENS
    known = dict(as_record(Raters, read_json(path), str(path)).raters) if path.exists() else {}
    for name in (unicodedata.normalize("NFC", one) for one in names):  # As ids are.
        if name not in known:
            known[name] = Access(token=secrets.token_urlsafe(16), booklet=len(known) % key.booklets)
    found = as_record(Raters, {"raters": {name: one.model_dump() for name, one in known.items()}}, "--rater")
    if not found.raters:
        raise BenchError("expected the names of raters; give --rater NAME for each")
    try:
        write_file(path, json.dumps(found.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
        path.chmod(0o600)
    except OSError as error:
        raise BenchError(f"expected a folder that can be written, got {folder}: {error.strerror}") from error
    return found


def server(folder: Path, raters: Raters, port: int) -> LocalServer:
    """Returns a server on 127.0.0.1, to be run by `serve_forever`; its address is `server_address`.

    Raises:
        BenchError: the folder is no study, cannot be written or has a server already, or the port is taken.
    """
    key, held = read_key(folder), _locked(folder)

    class Server(LocalServer):
        def server_close(self) -> None:
            """Closes the socket, also one that could not be bound, and releases the study."""
            super().server_close()
            held.close()

    try:
        answers = Answers(folder, key)
    except BaseException:
        held.close()
        raise
    by_token = {one.token: (name, one.booklet) for name, one in raters.raters.items()}

    class Handler(RaterHandler):
        pages = folder / PAGES
        store = answers
        access = by_token

    return listen(port, Handler, Server)


def _locked(folder: Path) -> IO[str]:
    """Locks a study until the file is closed. Raises BenchError where another process holds it."""
    try:
        return acquire(folder / LOCK)
    except Busy as error:
        raise BenchError(f"expected a study that nobody serves, got {folder}: {error}; end that first") from error
    except OSError as error:
        raise BenchError(f"expected a folder that can be written, got {folder}: {error.strerror}") from error
