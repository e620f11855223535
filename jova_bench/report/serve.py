"""Serves pages of runs to this machine alone. Nothing is written, and nothing but pages is sent."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import quote, unquote

from jova_bench.errors import BenchError
from jova_bench.files.paths import file_seen
from jova_bench.report.html.folder import MARK
from jova_bench.report.html.pages import environment
from jova_bench.report.html.site import DEFAULT, STATIC
from jova_bench.report.many.rows import Listed, listed
from jova_bench.report.many.site import SHEETS, runs_page
from jova_bench.runs.found import find_runs, is_run, written_at
from jova_bench.web.local import ALWAYS_ASK, LocalHandler, LocalServer, listen

TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".csv": "text/csv; charset=utf-8", ".tex": "text/plain; charset=utf-8",
    ".bib": "text/plain; charset=utf-8", ".md": "text/plain; charset=utf-8",
    ".jpg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml", ".webp": "image/webp",
    ".mp4": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska", ".webm": "video/webm",
    ".wav": "audio/wav", ".flac": "audio/flac",
}  # fmt: skip
"""Media types of what pages consist of; nothing else is sent."""


class PageHandler(LocalHandler):
    """Answers GET and HEAD alone: files of pages below a folder, and a list of the runs that it holds."""

    root: Path
    """Folder of pages, or of runs, without links in its path."""
    listing: RunList | None = None
    """What is at `/`; None where the folder's own first page is."""

    def answer(self) -> None:
        """Sends a file of a page, or the list of runs."""
        if (path := self.asked_path()) is None:
            return
        name = unquote(path, errors="surrogateescape").removeprefix("/")
        if self.listing is not None and name in ("", "index.html"):
            self.send_bytes(self.listing.page().encode(), TYPES[".html"])
        elif self.listing is not None and name in SHEETS:
            self.send_bytes((STATIC / name).read_bytes(), TYPES[".css"])
        elif (found := open_page_file(self.root, f"{name}index.html" if name[-1:] in ("", "/") else name)) is None:
            self.end(HTTPStatus.NOT_FOUND)
        else:
            file, kind = found
            with file:
                about = os.fstat(file.fileno())
                tag = f'"{about.st_ino:x}-{about.st_mtime_ns:x}-{about.st_size:x}"'
                self.send_file(file, about.st_size, kind, ALWAYS_ASK, tag)


def open_page_file(root: Path, name: str) -> tuple[IO[bytes], str] | None:
    """Opens a file of a folder of pages, with its media type; None for all else.

    Hidden files, links that lead out of `root`, pipes and devices are none, nor is what no folder of pages holds: a run
    has records and features that pages do not show.

    Args:
        root: folder without links in its path; pages are in it, or it is one.
        name: path in it, with `/`.
    """
    parts = PurePosixPath(name).parts
    kind = TYPES.get(PurePosixPath(name).suffix.lower())
    if kind is None or not parts or any(part.startswith(".") or part == "/" for part in parts) or "\0" in name:
        return None
    try:
        path = root.joinpath(*parts).resolve(strict=True)
        inside = path.relative_to(root)
        of_pages = any((root.joinpath(*inside.parts[:k]) / MARK).is_file() for k in range(len(inside.parts)))
        if not of_pages or any(part.startswith(".") for part in inside.parts):
            return None
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except (OSError, ValueError, RuntimeError):  # It is not there, leads out, or leads to itself.
        return None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    return os.fdopen(handle, "rb"), kind


class RunList:
    """Lists the runs in a folder as they are now; a run that did not change is read once."""

    def __init__(self, root: Path) -> None:
        """Takes the folder. Raises BenchError without the package that makes pages."""
        self._root, self._env = root, environment()
        self._read: dict[Path, tuple[Any, Listed]] = {}

    def page(self) -> str:
        """Renders the list: a run's name leads to its pages where it has some."""
        return runs_page(self._env, [self._row(folder) for folder in find_runs(self._root)])

    def _row(self, folder: Path) -> Listed:
        name = folder.relative_to(self._root).as_posix()
        first = folder / DEFAULT / "index.html"
        there = file_seen(folder / DEFAULT / MARK) and file_seen(first)
        try:
            state = (written_at(folder), there)
        except OSError:  # The row says why.
            return listed(folder, name)
        known = self._read.get(folder)
        if known is None or known[0] != state or known[1].state == "going on":
            row = listed(folder, name)
            page = quote(os.fsencode(first.relative_to(self._root))) if there else ""
            missing = "" if there or row.summary is None else f"no pages: jova-bench report {folder} --html"
            known = (state, replace(row, page=page, no_page=missing))
            self._read[folder] = known
        return known[1]


def page_server(folder: Path, port: int) -> LocalServer:
    """Returns a server of the pages of a run, or of all runs in a folder, to be run by `serve_forever`.

    Args:
        folder: of a run with pages, of pages, or of runs.
        port: of 127.0.0.1; 0 for any that is free.

    Raises:
        BenchError: the folder is none of these, or the port is taken.
    """
    # Pages over all runs in a folder are of the time when they were written; the list is of now.
    places = (folder, folder / DEFAULT) if is_run(folder) else (folder,)
    pages = next((one for one in places if file_seen(one / MARK)), None)
    if pages is None and is_run(folder):
        raise BenchError(
            f"expected a run with pages, got {folder}; write them with `jova-bench report {folder} --html`"
        )
    try:
        if pages is None and next(find_runs(folder), None) is None:
            raise BenchError(f"expected a run folder, or a folder of runs, got {folder}, which has none")
    except OSError as error:
        raise BenchError(f"expected a run folder, or a folder of runs, got {folder}: {error.strerror}") from error
    served = (pages or folder).resolve()

    class Handler(PageHandler):
        root = served
        listing = RunList(served) if pages is None else None

    return listen(port, Handler)
