"""What a worker says on stderr, in a file that stays small however much that is: the beginning, and the end."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

HEAD = TAIL = 1 << 20
"""Bytes that are kept of the beginning and, at least, of the end."""


def keep(pipe: int, path: Path) -> threading.Thread:
    """Writes what comes out of a pipe to a file, in a thread that ends and closes the pipe when nobody can say more."""
    path.write_bytes(b"")
    thread = threading.Thread(target=_keep, args=(pipe, path), daemon=True)
    thread.start()
    return thread


def _keep(pipe: int, path: Path) -> None:
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
    """Takes the middle out of a log and says so in its place. Returns the bytes left out so far."""
    content = path.read_bytes()
    head, tail = content[:HEAD], content[-TAIL:]
    left_out += len(content) - HEAD - TAIL
    path.write_bytes(head + f"\n... {left_out} bytes left out ...\n".encode() + tail)
    return left_out
