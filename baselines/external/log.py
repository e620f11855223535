"""Log files of bounded size: the beginning and the end of what a worker writes to stderr."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

HEAD = TAIL = 1 << 20
"""Bytes kept of the beginning and, at least, of the end."""


def copy_to_log(pipe: int, path: Path) -> threading.Thread:
    """Copies a pipe to a file, in a thread that closes the pipe and ends when all writers have closed it."""
    path.write_bytes(b"")
    thread = threading.Thread(target=_copy, args=(pipe, path), daemon=True)
    thread.start()
    return thread


def _copy(pipe: int, path: Path) -> None:
    """Copies until the end of the pipe."""
    left_out = 0
    try:
        while chunk := os.read(pipe, 1 << 16):
            with suppress(OSError):  # A full disk must not stop the model.
                with path.open("ab") as file:
                    file.write(chunk)
                if path.stat().st_size > HEAD + 3 * TAIL:
                    left_out = shortened(path, left_out)
    finally:
        os.close(pipe)


def shortened(path: Path, left_out: int) -> int:
    """Removes the middle of a log and notes it in its place; returns the number of bytes removed so far."""
    content = path.read_bytes()
    head, tail = content[:HEAD], content[-TAIL:]
    left_out += len(content) - HEAD - TAIL
    path.write_bytes(head + f"\n... {left_out} bytes left out ...\n".encode() + tail)
    return left_out
