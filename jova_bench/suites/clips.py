"""Lists a folder of clips: which files are clips, which prompt each belongs to, and what else is there."""

from __future__ import annotations

import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.ids import file_stem, printable, safe_id
from jova_bench.suites.prompt_file import INFO, PROMPTS

CLIP_SUFFIXES: tuple[str, ...] = (".mp4", ".mkv", ".mov", ".webm", ".wav", ".flac")
SHOWN = 3
"""Number of example names in a message."""
LOOKED_AT = 1000
"""Number of ids, and of names, that are compared for differences."""


@dataclass(frozen=True)
class Listing:
    """Holds the entries directly in a folder, by name."""

    clips: tuple[Path, ...]
    others: Mapping[str, tuple[str, ...]]
    """Names of entries that are no clips, by kind, without prompt files and hidden files that no clip could be."""

    @property
    def left_out(self) -> str:
        """Formats `broken links 1 (a.mp4), files of other kinds 2 (b.avi, c.m4v)`; empty when there is nothing."""
        return ", ".join(f"{kind} {len(names)} ({some(names)})" for kind, names in sorted(self.others.items()))


def listing(folder: Path) -> Listing:
    """Lists a folder. Raises BenchError when it is none."""
    if not folder.is_dir():
        why = "name the folder that contains it" if folder.exists() else "it does not exist"
        raise BenchError(f"expected a folder of clips, got {str(folder)!r}, which is not a folder: {why}")
    clips: list[Path] = []
    others: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.iterdir()):
        kind = _kind(path)
        if kind == "clip":
            clips.append(path)
        elif kind:
            others[kind] = (*others.get(kind, ()), path.name)
    return Listing(tuple(clips), others)


def clips_in(folder: Path) -> tuple[Path, ...]:
    """Returns the media files directly in a folder, by name.

    Raises:
        BenchError: the folder is missing or has none.
    """
    found = listing(folder)
    if not found.clips:
        there = f"; there are: {found.left_out}" if found.others else ""
        raise BenchError(
            f"expected clips ({' '.join(CLIP_SUFFIXES)}) in {str(folder)!r}, found none{there}; "
            "name the folder that contains them"
        )
    return found.clips


def clips_by_id(folder: Path) -> dict[str, Path]:
    """Returns the clips of a folder by `safe_id` of their file stems.

    Raises:
        BenchError: as `clips_in`, and for two files of one stem, which a prompt cannot choose between.
    """
    found: dict[str, Path] = {}
    for path in clips_in(folder):
        clip_id = safe_id(path.stem)
        if clip_id in found:
            first, second = found[clip_id].name, path.name
            how = ", the same letters in two Unicode forms" if found[clip_id].stem != path.stem else ""
            raise BenchError(
                f"expected one file for each stem in {str(folder)!r}, got {first!r} and {second!r}{how}; "
                "move one to another folder"
            )
        found[clip_id] = path
    return found


def answer(clips: Mapping[str, Path], prompt_id: str) -> Path | None:
    """Returns the clip of a prompt: its stem is the id, or `file_stem` of an id too long for file systems."""
    return clips.get(prompt_id) or clips.get(safe_id(file_stem(prompt_id)))


def difference(ids: Collection[str], stems: Collection[str]) -> str | None:
    """Describes the differences of ids and file stems that are nearly the same.

    Args:
        ids: of prompts without a clip.
        stems: of clips without a prompt.

    Returns:
        What differs, in how many, with an example; None when nothing is nearly the same.
    """
    ids, stems = list(islice(ids, LOOKED_AT)), list(islice(stems, LOOKED_AT))
    found = [*_affixes(ids, stems), *((what, _met(ids, stems, key)) for what, key in _SPELLINGS)]
    what, met = max(found, key=lambda one: len(one[1]))
    # A name of one letter is a part of many others by chance.
    if 2 * len(met) < min(len(ids), len(stems)) or not met:
        return None
    prompt_id, stem = met[0]
    return f"{len(met)} differ by {what} alone, such as the id {prompt_id!r} and the clip's stem {printable(stem)!r}"


def unfinished(path: Path) -> bool:
    """Returns whether a file is hidden, as macOS's `._x.mp4` is, or still being written."""
    return path.name.startswith(".") or path.stem.lower().endswith(".part")


def some(names: Collection[str]) -> str:
    """Formats the first few names."""
    shown = ", ".join(map(printable, islice(names, SHOWN)))
    return shown + ", ..." * (len(names) > SHOWN)


def _kind(path: Path) -> str:
    """Returns the kind of a directory entry: `clip`, a kind that is left out, or empty where nothing is reported."""
    named = path.suffix.lower() in CLIP_SUFFIXES
    if unfinished(path):
        return "hidden or partial files" if named else ""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "broken links" if path.is_symlink() else "unreadable files"
    if stat.S_ISDIR(mode):
        return "sub-folders"
    if not stat.S_ISREG(mode):
        return "pipes and devices"
    if named:
        return "clip"
    return "" if path.name in (PROMPTS, INFO) else "files of other kinds"


def _affixes(ids: list[str], stems: list[str]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yields what one side has more at the beginning or end of its names, and the pairs that match without it."""
    for whose, longer, shorter in (("the ids", ids, set(stems)), ("the clips' names", stems, set(ids))):
        more: Counter[tuple[str, str]] = Counter()
        for name in longer:
            for cut in range(1, len(name)):
                more[name[:cut], ""] += name[cut:] in shorter
                more["", name[cut:]] += name[:cut] in shorter
        for (before, after), count in more.most_common(1):
            part, place = (before, "beginning") if before else (after, "end")
            pairs = [(name, name[len(before) : len(name) - len(after)]) for name in longer]
            pairs = [(name, rest) for name, rest in pairs if f"{before}{rest}{after}" == name and rest in shorter]
            if count:
                met = pairs if longer is ids else [(rest, name) for name, rest in pairs]
                yield f"{part!r} at the {place} of {whose}", met


def _met(ids: list[str], stems: list[str], key: Callable[[str], str]) -> list[tuple[str, str]]:
    """Returns the pairs of an id and a stem of the same key."""
    known = {key(stem): stem for stem in stems}
    return [(one, known[key(one)]) for one in ids if key(one) in known]


def _without_zeros(text: str) -> str:
    return re.sub(r"\d+", lambda digits: digits[0].lstrip("0") or "0", text)


def _letters(text: str) -> str:
    """Normalises a name: without spaces, punctuation, case, width and leading zeros."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _without_zeros("".join(letter for letter in folded if letter.isalnum()))


_SPELLINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("letter case", str.casefold),
    ("leading zeros", _without_zeros),
    ("spaces, punctuation and the like", _letters),
)
