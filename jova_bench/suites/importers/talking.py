"""Imports talking-head sets: real clips for driving, dubbing or comparison. Without captions, prompts say `CAPTION`.

- LRS3 (Oxford VGG): `VIDEO/CLIP.mp4` with `CLIP.txt`, whose first line is `Text:  WORDS`, below `pretrain`, `trainval`
  or `test`. English.
- HDTF (MRzzm/HDTF): cut clips are called `PART_Name_NNN.mp4`, PART one of RD, WDA, WRA. No transcripts.
- VoxCeleb (Oxford VGG): `idNNNNN/VIDEO/CLIP.mp4` below `mp4`, in VoxCeleb2 with the sound below `aac` as `.m4a`. No
  transcripts.

A clip without sound of its own beside it drives audio-driven models with its own track.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from jova_bench.suites.importers.reading import SOUNDS, Bad, Draft, Fault, below, files, read_text, sibling

CAPTION = "a person talking"
LRS3_SPLITS = ("pretrain", "trainval", "test")
VOX_CLIP = re.compile(r"(?P<before>(?:.*/)?)(?P<speaker>id\d{5})/(?P<video>[^/]+)/(?P<clip>\d{5})\.mp4")
HDTF_CLIP = re.compile(r"(RD|WDA|WRA)_\w+")


def lrs3(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per clip with its transcript; a transcript without a clip is a fault, and so is the reverse."""
    clips = {path.with_suffix("") for path in files(source, ".mp4")}
    for path in files(source, ".txt"):
        if path.with_suffix("") not in clips and len(path.relative_to(source).parts) > 1:
            yield Fault(str(path), f"expected a clip {path.stem}.mp4 beside it, found none")
    yield from _each(source, _lrs3)


def hdtf(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per clip."""
    return _each(source, _hdtf)


def voxceleb(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per clip."""
    return _each(source, _voxceleb)


def _each(source: Path, make: Callable[[Path, Path], Draft]) -> Iterator[Draft | Fault]:
    for path in files(source, ".mp4"):
        try:
            yield make(path, source)
        except Bad as error:
            yield Fault(str(path), str(error))


def _lrs3(path: Path, root: Path) -> Draft:
    parts = path.relative_to(root).with_suffix("").parts
    return real_clip(
        path,
        root,
        ".".join(parts),
        transcript=spoken(path.with_suffix(".txt")),
        language="en",
        tags={"split": next((part for part in parts[:-1] if part in LRS3_SPLITS), ""), "speaker": path.parent.name},
    )


def spoken(path: Path) -> str:
    """Returns the words of an LRS3 transcript, which is in capitals, in small letters."""
    first = read_text(path).split("\n")[0]
    if not first.startswith("Text:") or not first.removeprefix("Text:").strip():
        raise Bad(f"{path.name}:1: expected `Text:  WORDS`, got {first[:60]!r}")
    return first.removeprefix("Text:").strip().lower()


def _hdtf(path: Path, root: Path) -> Draft:
    found = HDTF_CLIP.match(path.stem)
    if found is None:
        raise Bad("expected a name that begins with RD_, WDA_ or WRA_; rename the clip, or import it as csv")
    return real_clip(path, root, ".".join(path.relative_to(root).with_suffix("").parts), tags={"part": found[1]})


def _voxceleb(path: Path, root: Path) -> Draft:
    found = VOX_CLIP.fullmatch(below(path, root))
    if found is None:
        raise Bad("expected idNNNNN/VIDEO/NNNNN.mp4; move the clip, or import it as csv")
    split = next((part for part in found["before"].split("/") if part in ("dev", "test")), "")
    name = ".".join(filter(None, (split, found["speaker"], found["video"], found["clip"])))
    sound = root / re.sub(r"(^|/)mp4/$", r"\1aac/", found["before"]) / found["speaker"] / found["video"]
    audio = sound / f"{found['clip']}.m4a"
    extracted = below(audio, root) if audio.is_file() else None
    return real_clip(path, root, name, audio=extracted, tags={"split": split, "speaker": found["speaker"]})


def real_clip(
    path: Path,
    root: Path,
    name: str,
    tags: dict[str, str],
    transcript: str = "",
    language: str | None = None,
    audio: str | None = None,
) -> Draft:
    """Makes the prompt of a real clip, which drives with a sound beside it, or with its own."""
    clip = below(path, root)
    driving = audio or sibling(path, root, SOUNDS) or clip
    return Draft(str(path), name, CAPTION, "", transcript, language, None, driving, clip, tags)
