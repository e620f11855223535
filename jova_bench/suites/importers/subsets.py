"""Imports subsets of talking-head sets that papers name: the lists are checked by their digests, the clips by length.

- `hdtf-first15`: the first 15 s of every clip of HDTF, as OmniAvatar was evaluated (Omni-Avatar/OmniAvatar, issue 90):
  400 that are not named, of 436 in the lists. MRzzm/HDTF (commit bde889b), folder `HDTF_dataset`:
  `PART_annotion_time.txt` with `VIDEO.mp4 MM:SS-MM:SS ...`; the clips are called `PART_VIDEO_NNN.mp4`.
- `emtd-110`: EchoMimicV2's test set. antgroup/echomimic_v2 (commit a312dec), folder `EMTD_dataset`: a table of address,
  start and end, from which its `slice_video.py` cuts `NNN_VIDEO.mp4`, three frames inside on either side.

Clips are cut beforehand and lie anywhere below the source; no list comes with this package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jova_bench.digests import file_digest
from jova_bench.suites.importers.reading import Bad, Draft, Fault, files, read_text
from jova_bench.suites.importers.talking import real_clip

HDTF = {
    "RD": "6e0e3b8139697d64ce92f252c9eb62d268b9262c628682803b9aed282f2068a7",
    "WDA": "b7fb834e95918d6e87deb7afc9da8dc1c1c17ab454dc33887fe16fe945586f61",
    "WRA": "7a49a55a841a45ab41cd1ff64f18bb83e79fa5799d1178d3ca36490eed54f1ed",
}
"""sha256 (hex) of the lists of HDTF, by part."""
EMTD = "1ea9d9b46275261a2f509f761b5f6d7b476d168f58655486f826d06126b30f23"
EMTD_LIST = "echomimicv2_benchmark_url+start_timecode+end_timecode.txt"
FIRST_S = 15.0
TOLERANCE_S = 0.5
"""Seconds by which a clip may be longer or shorter than its cut: a cut without new encoding begins at a key frame."""
_VIDEO = re.compile(r"[?&]v=([\w-]+)")


@dataclass(frozen=True)
class Cut:
    """One clip of a list."""

    where: str
    """Line of the list."""
    name: str
    """Stem of the clip's file."""
    seconds: float
    """Length."""
    tags: dict[str, str]


def hdtf_first15(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per clip of the lists of HDTF; a clip that is not there, or is not cut so, is a fault."""
    cuts: list[Cut] = []
    for part, digest in HDTF.items():
        try:
            cuts += _hdtf(part, _list(source, f"{part}_annotion_time.txt", digest))
        except Bad as error:
            yield Fault(str(source), str(error))
    yield from _each(source, cuts)


def emtd_110(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per row of EMTD's list; a clip that is not there, or is not cut so, is a fault."""
    try:
        cuts = list(_emtd(_list(source, EMTD_LIST, EMTD)))
    except Bad as error:
        yield Fault(str(source), str(error))
        return
    yield from _each(source, cuts)


def _list(source: Path, name: str, digest: str) -> Path:
    """Returns a list anywhere below the source. Raises Bad unless it is the one with the digest."""
    found = [path for path in files(source, ".txt") if path.name == name]
    if len(found) != 1:
        raise Bad(f"expected the list {name}, found {len(found) or 'none'}; it is in the set's own repository")
    if (got := file_digest(found[0])) != digest:
        raise Bad(f"{name}: expected sha256 {digest}, got {got}: another list is another subset")
    return found[0]


def _hdtf(part: str, path: Path) -> Iterator[Cut]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        video, *spans = line.split() or [""]
        for k, span in enumerate(spans):
            start, _, end = span.partition("-")
            name = f"{part}_{video.removesuffix('.mp4')}_{k:03d}"
            yield Cut(f"{path}:{number}", name, min(FIRST_S, _seconds(end) - _seconds(start)), {"part": part})


def _emtd(path: Path) -> Iterator[Cut]:
    _, *rows = read_text(path).split("\n")
    for k, row in enumerate(row for row in rows if row.strip()):
        address, start, end = row.split(",")
        found = _VIDEO.search(address)
        if found is None:
            raise Bad(f"{path.name}:{k + 2}: expected the address of a video, got {address!r}")
        tags = {"video": found[1]}
        yield Cut(f"{path}:{k + 2}", f"{k:03d}_{address.split('v=')[1]}", _seconds(end) - _seconds(start), tags)


def _seconds(clock: str) -> float:
    """Returns the seconds of `MM:SS` or `HH:MM:SS.sss`."""
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _each(source: Path, cuts: list[Cut]) -> Iterator[Draft | Fault]:
    """Yields a draft, or a fault, for each cut of a list."""
    clips: dict[str, list[Path]] = {}
    for path in files(source, ".mp4"):
        clips.setdefault(path.stem, []).append(path)
    for cut in cuts:
        found = clips.get(cut.name, [])
        try:
            if len(found) != 1:
                raise Bad(f"expected one clip {cut.name}.mp4, found {len(found) or 'none'}")
            _check_length(found[0], cut.seconds)
            yield real_clip(found[0], source, cut.name, tags=cut.tags)
        except Bad as error:
            yield Fault(cut.where, str(error))


def _check_length(path: Path, seconds: float) -> None:
    """Checks a clip's length, as its container states it. Raises Bad."""
    import av

    try:
        with av.open(str(path)) as container:
            length = container.duration
    except (av.error.FFmpegError, OSError) as error:
        raise Bad(f"{path.name}: expected a clip, got: {error}") from error
    if length is None or abs(length / av.time_base - seconds) > TOLERANCE_S:
        got = "one of unknown length" if length is None else f"{length / av.time_base:.2f} s"
        raise Bad(f"{path.name}: expected the cut of {seconds:.2f} s, got {got}")
