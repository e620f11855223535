"""Lists a folder of clips: which files are clips, which prompt each belongs to, and what else is there."""

from __future__ import annotations

import os
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
BELOW = "**"
"""Last part of a path that stands for a folder and all that are below it: `my_clips/**`."""
LOOKED_AT = 1000
"""Number of ids, and of names, that are compared for differences."""


@dataclass(frozen=True)
class Listing:
    """Holds the entries of a folder, by name; of `FOLDER/**` those of all folders below, too, by path."""

    clips: tuple[Path, ...]
    others: Mapping[str, tuple[str, ...]]
    """Names of entries that are no clips, by kind, without prompt files and hidden files that no clip could be."""

    @property
    def left_out(self) -> str:
        """Formats `broken links 1 (a.mp4), files of other kinds 2 (b.avi, c.m4v)`; empty when there is nothing."""
        return ", ".join(f"{kind} {len(names)} ({some(names)})" for kind, names in sorted(self.others.items()))


class ClipsById(dict[str, Path]):
    """Holds clips by id: that of the file's stem, or below the folder of the path with dots (`news.a`)."""

    def __init__(self) -> None:
        """Starts without a clip."""
        super().__init__()
        self.paths: dict[str, Path] = {}
        """Clips below the folder by the ids that an import makes of their paths with slashes."""
        self.stems: dict[str, Path] = {}
        """Clips below the folder by the ids of stems that no other clip has."""


def top_of(folder: Path) -> Path:
    """Returns the folder of `FOLDER/**` or of one clip, or the folder itself."""
    return folder.parent if folder.name == BELOW or folder.is_file() else folder


def stem_of(folder: Path) -> str:
    """Returns what a folder of clips, or one clip, is called."""
    return safe_id(folder.stem if folder.is_file() else top_of(folder).resolve().name)


def listing(folder: Path) -> Listing:
    """Lists a folder, `FOLDER/**`, or a file as the one clip. Raises BenchError when it is none of these."""
    if folder.is_file():
        if folder.suffix.lower() not in CLIP_SUFFIXES:
            raise BenchError(f"expected a clip ({' '.join(CLIP_SUFFIXES)}) or a folder of clips, got {str(folder)!r}")
        return Listing((folder,), {})
    top = top_of(folder)
    if not top.is_dir():
        why = "name the folder that contains it" if top.exists() else "it does not exist"
        raise BenchError(f"expected a folder of clips, got {str(top)!r}, which is not a folder: {why}")
    clips: list[Path] = []
    others: dict[str, tuple[str, ...]] = {}
    for path in sorted(top.iterdir()) if folder is top else _below(top):
        kind = _kind(path)
        if kind == "clip":
            clips.append(path)
        elif kind:
            others[kind] = (*others.get(kind, ()), path.relative_to(top).as_posix())
    return Listing(tuple(clips), others)


def passed_over(folder: Path) -> str:
    """Describes the clips below a folder that is listed without them; empty when there are none."""
    if folder.name == BELOW or folder.is_file():
        return ""
    count = len(listing(folder / BELOW).clips) - len(listing(folder).clips)
    return f"clips in sub-folders are passed over: {count}; {str(folder / BELOW)!r} takes them, too" if count else ""


def clips_in(folder: Path) -> tuple[Path, ...]:
    """Returns the media files directly in a folder, by name; of `FOLDER/**` those of all folders below, too, by path.

    Raises:
        BenchError: the folder is missing or has none.
    """
    found = listing(folder)
    if not found.clips:
        there = f"; there are: {found.left_out}" if found.others else ""
        raise BenchError(
            f"expected clips ({' '.join(CLIP_SUFFIXES)}) in {str(top_of(folder))!r}, found none{there}; "
            f"{passed_over(folder) or 'name the folder that contains them'}"
        )
    return found.clips


def clips_by_id(folder: Path) -> ClipsById:
    """Returns the clips of a folder, or of `FOLDER/**`, by their ids.

    Raises:
        BenchError: as `clips_in`, and for two files of one id, which a prompt cannot choose between.
    """
    top, found, often = top_of(folder), ClipsById(), Counter[str]()
    for path in clips_in(folder):
        name = path.relative_to(top).with_suffix("")
        clip_id = safe_id(".".join(name.parts))
        if clip_id in found:
            raise _same_id(folder, found[clip_id].relative_to(top), path.relative_to(top), clip_id)
        found[clip_id] = path
        if folder is not top:
            found.paths[safe_id(name.as_posix())] = path
            stem = safe_id(path.stem)
            often[stem] += 1
            found.stems[stem] = path
    found.stems = {stem: path for stem, path in found.stems.items() if often[stem] == 1}
    return found


def _same_id(folder: Path, first: Path, second: Path, clip_id: str) -> BenchError:
    """Returns the error of two files of one id, with what their names have in common."""
    one, other = (path.with_suffix("").parts for path in (first, second))
    if one == other:
        how = "only their suffixes differ; move one to another folder"
    elif [unicodedata.normalize("NFC", part) for part in one] == [unicodedata.normalize("NFC", part) for part in other]:
        how = "the same letters in two Unicode forms; rename one"
    else:
        how = "an id has dots between folders, too; rename one"
    got = f"got {str(first)!r} and {str(second)!r}, both {clip_id!r}"
    return BenchError(f"expected one file of each id in {str(folder)!r}, {got}: {how}")


def answer(clips: ClipsById, prompt_id: str) -> Path | None:
    """Returns the clip of a prompt: it has its id, or `file_stem` of an id too long for file systems."""
    ids = (prompt_id, safe_id(file_stem(prompt_id)))
    return next((known[one] for known in (clips, clips.paths, clips.stems) for one in ids if one in known), None)


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


def _below(top: Path) -> Iterator[Path]:
    """Yields the files of a folder and of those below it, by path; hidden folders and links to folders stay closed."""
    closed: list[Path] = []
    for here, folders, files in os.walk(top, onerror=lambda error: closed.append(Path(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        yield from (Path(here) / name for name in sorted([*files, *links]))
    yield from closed


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
        return "links to folders" if path.is_symlink() else "sub-folders"
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
