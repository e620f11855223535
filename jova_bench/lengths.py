"""Tells files that end before their own headers say so: libav reads what is there as if nothing were missing."""

from __future__ import annotations

from pathlib import Path


def check_length(path: Path) -> None:
    """Refuses an mp4 or wav that is shorter than it says: libav reads the rest as if nothing were missing."""
    size = path.stat().st_size
    end = 0
    with path.open("rb") as file:
        head = file.read(16)
        if head[:4] == b"RIFF" and head[4:8] != b"\xff\xff\xff\xff":  # All ones: written to a pipe, length not known.
            end = 8 + int.from_bytes(head[4:8], "little")
        while head[4:8] == b"ftyp" and end + 8 <= size:
            file.seek(end)
            box = file.read(16)
            length = int.from_bytes(box[:4], "big")
            length = int.from_bytes(box[8:16], "big") if length == 1 else length
            end = size if length == 0 else end + max(length, 8)
    if end > size:
        raise ValueError(f"the file ends early, {size} of {end} bytes or more")
