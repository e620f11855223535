"""Walks the boxes of an MP4 file, to tell which are there for something else than to play it.

Names are those of ISO/IEC 14496-12 and of QuickTime's file format.
"""

from __future__ import annotations

WITHIN = {
    b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf", b"mfra", b"tapt",
    b"udta", b"meta", b"ilst",
}  # fmt: skip
"""Boxes of boxes."""
PLAYED = WITHIN | {
    b"ftyp", b"styp", b"sidx", b"mdat", b"wide", b"mvhd", b"iods", b"mehd", b"trex", b"tkhd", b"tref", b"elst",
    b"clef", b"prof", b"enof", b"mdhd", b"hdlr", b"elng", b"vmhd", b"smhd", b"dref", b"stsd", b"stts", b"ctts",
    b"cslg", b"stss", b"stsc", b"stsz", b"stz2", b"stco", b"co64", b"sdtp", b"sbgp", b"sgpd", b"mfhd", b"tfhd",
    b"tfdt", b"trun", b"tfra", b"mfro", b"\xa9too", b"\xa9swr", b"\xa9enc",
}  # fmt: skip
"""Boxes that players read, and the names of the programs that wrote the file, which FFmpeg shows as tags."""
EMPTY = {b"free", b"skip"}
"""Boxes of unused space: zeros."""
IN_THIS_FILE = b"\0\0\0\x0curl \0\0\0\x01"
"""The one reference to data that names no file, version and count before it (ISO/IEC 14496-12, 8.7.2)."""


def unplayed(content: bytes) -> str | None:
    """Returns the name of the first box of an MP4 file that may hold anything; None where there is none."""
    parts = [(0, len(content))]
    while parts:
        start, end = parts.pop()
        if start == end:
            continue
        size, name, head = int.from_bytes(content[start : start + 4], "big"), content[start + 4 : start + 8], 8
        if size == 1:
            size, head = int.from_bytes(content[start + 8 : start + 16], "big"), 16
        if not size and not any(content[start:end]):  # QuickTime ends a list by zeros.
            continue
        inside, stop = start + head, start + size if size else end
        if not inside <= stop <= end:
            return "without a size"
        if name not in PLAYED and (name not in EMPTY or any(content[inside:stop])):
            return name.decode("latin-1")
        if name == b"dref" and content[inside + 8 : stop] not in (IN_THIS_FILE, IN_THIS_FILE.replace(b"url ", b"alis")):
            return "dref"
        parts.append((stop, end))
        if name == b"meta" and not any(content[inside : inside + 4]):  # ISO's has four bytes before its boxes.
            inside += 4
        if name in WITHIN:
            parts.append((min(inside, stop), stop))
    return None
