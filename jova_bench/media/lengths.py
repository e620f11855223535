"""Detects files that end before the length in their headers: libav reads the rest as if nothing were missing.

A length in a header is a promise, unless its writer could not know it. A program that writes to a pipe cannot return
to correct its header, so it states nothing (0, or all ones) or more than any sound will ever fill (2,000,000,036
by Pocket TTS's server, 0x7FFFF024 by SoX, 0x7FFFFFFF by others): from `PLACEHOLDER` on, a length of a wav is none. Of
two lengths for the same bytes, as a wav has, one alone may be mistaken: a file that was cut breaks both promises. Both
may be too large by a header that the writer counted as audio: a file that was cut has lost a block, which is more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from jova_bench.records import Finding

PLACEHOLDER = 1_000_000_000
"""Bytes: an hour and a half of 16-bit stereo at 48 kHz. Clips are seconds."""
WAV_HEADER = 80
"""Bytes of a wav's header with its usual parts (`WAVE_FORMAT_EXTENSIBLE`, `fact`): 2.5 ms of 16-bit mono, 16 kHz."""
MOST_BOXES = 100_000
"""Maximum number of boxes to read: in a file of more, only its times reveal an early end."""
MP4 = (b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""First boxes of an mp4, or of a mov from before `ftyp`."""
EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675


def check_length(path: Path) -> list[Finding]:
    """Refuses an mp4, mov, wav, avi, mkv or webm shorter than stated; reports a wav short by a header's length."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
            end = _riff_end(file, head, size)
        elif head[4:8] in MP4:
            end = _mp4_end(file, size)
        elif head[:4] == EBML.to_bytes(4, "big"):
            end = _matroska_end(file, size)
        else:
            return []
    if end <= size:
        return []
    if head[8:] == b"WAVE" and end - size <= WAV_HEADER:
        detail = f"the lengths in its header are {end - size} bytes more than the file has: all that is there is read"
        return [Finding(code="wav_length", detail=detail)]
    raise ValueError(f"the file ends early, {size} of {end} bytes or more")


def _riff_end(file: BinaryIO, head: bytes, size: int) -> int:
    """Returns the earlier of the ends that a wav states for the file and for its `data`; 0 without either."""
    big, most, place = head[:4] == b"RIFX", PLACEHOLDER, 12
    stated = [(8, _number(head[4:8], big))]
    for _ in range(MOST_BOXES):
        file.seek(place)
        chunk = file.read(8)
        if len(chunk) < 8:
            break
        length = _number(chunk[4:], big)
        if chunk[:4] == b"ds64":  # 64-bit lengths of the whole and of the data, in place of the 32-bit ones.
            wide, most = file.read(16), 1 << 63
            stated = [(8, _number(wide[:8], big)), (0, _number(wide[8:], big))]
        if chunk[:4] == b"data":
            stated = [stated[0], (place + 8, stated[1][1] if stated[1:] else length)]
            break
        place += 8 + length + length % 2
    return min((start + length for start, length in stated if 0 < length < most), default=0)


def _mp4_end(file: BinaryIO, size: int) -> int:
    """Returns the end of the last box that begins in the file."""
    end = 0
    for _ in range(MOST_BOXES):
        if end + 8 > size:
            break
        file.seek(end)
        box = file.read(16)
        length = _number(box[:4])
        length = _number(box[8:]) if length == 1 else length
        end = size if length == 0 else end + max(length, 8)
    return end


def _matroska_end(file: BinaryIO, size: int) -> int:
    """Returns the end of the last element that begins in the file. Live streams leave the outer lengths open."""
    end = 0
    for element, start, length in _elements(file, size):
        if length is None:
            if element not in (SEGMENT, CLUSTER):
                return 0  # Other elements of unknown length cannot be followed here.
            length = 0
        end = start + length
    return end


def _elements(file: BinaryIO, size: int) -> Iterator[tuple[int, int, int | None]]:
    """Yields (id, start of the content, its length), entering elements of unknown length (None), skipping others."""
    place = 0
    for _ in range(MOST_BOXES):
        if place >= size:
            return
        file.seek(place)
        head = file.read(12)
        width = 9 - head[0].bit_length()
        if width > 4:
            return  # No element begins so: damage, which libav reports.
        wide = 9 - head[width].bit_length() if width < len(head) else 1
        start, unknown = place + width + wide, (1 << 7 * wide) - 1
        length = _number(head[width : width + wide]) & unknown
        # A header that is cut off has no length either, and ends beyond the file.
        yield _number(head[:width]), start, None if length == unknown and start <= size else length
        place = start + (0 if length == unknown else length)


def _number(data: bytes, big: bool = True) -> int:
    return int.from_bytes(data, "big" if big else "little")
