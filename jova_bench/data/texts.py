"""Reads the user's own transcripts and captions: a table of texts, and a text beside a video."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.files.reading import read_text
from jova_bench.formatting.messages import shown, suggest
from jova_bench.suites.importers.reading import Fault, table_rows

KEYS = ("id", "source")
COLUMNS = ("transcript", "video_caption", "audio_caption")


@dataclass(frozen=True)
class Given:
    """Texts of one clip, or of a whole video; None where the user gives none."""

    by: str
    """The file that they are from."""
    transcript: str | None = None
    video_caption: str | None = None
    audio_caption: str | None = None


@dataclass(frozen=True)
class Texts:
    """All texts that the user gives."""

    clips: Mapping[str, Given]
    """Texts by the id of a clip."""
    videos: Mapping[str, Given]
    """Texts by the path of a video."""


def read_texts(table: Path | None, folder: Path, sources: Collection[str]) -> Texts:
    """Reads a table and the texts beside videos; the table comes first.

    Args:
        table: CSV whose columns are `id` (of a clip) or `source` (path of a video), and `transcript`, `video_caption`,
            `audio_caption`, as many of them as there are; an empty cell gives nothing. None without one.
        folder: of the videos; `talk.txt` beside `talk.mp4` is what is said in it.
        sources: paths of the videos.

    Raises:
        BenchError: the table has a fault, or names a video that is not there.
    """
    clips: dict[str, Given] = {}
    found = {}
    seen: dict[tuple[str, str], str] = {}
    for source in sources:
        beside = (folder / source).with_suffix(".txt")
        if beside.is_file():
            text = " ".join(read_text(beside).split())
            found[source] = Given(beside.relative_to(folder).as_posix(), text)
    for row in table_rows(table) if table else ():
        if isinstance(row, Fault):
            raise BenchError(str(row))
        _check_columns(str(table), row.fields)
        cells = {name: " ".join(str(cell).split()) for name, cell in row.fields.items()}
        given = Given(str(table and table.name), **{name: cells.get(name) or None for name in COLUMNS})
        source, key = cells.get("source", ""), cells.get("id", "")
        if not key and source not in sources:
            raise BenchError(f"{row.where}: expected an id of a clip or the path of a video, got {shown(source)}")
        name = ("id", key) if key else ("source", source)
        if name in seen:
            raise BenchError(
                f"{row.where}: expected one row for {shown(name[1])}, got another at {seen[name]}; keep one"
            )
        seen[name] = row.where
        if key:
            clips[key] = given
        else:
            found[source] = given
    return Texts(clips, found)


def _check_columns(table: str, names: Collection[str]) -> None:
    """Refuses a table with a column that means nothing here, or without one that has texts."""
    for name in names:
        if name not in (*KEYS, *COLUMNS):
            raise BenchError(
                f"{table}: expected a column of texts, got {shown(name)}; {suggest(name, (*KEYS, *COLUMNS))}"
            )
    if not {*names} & {*COLUMNS}:
        raise BenchError(f"{table}: expected a column of {', '.join(COLUMNS)}, got {', '.join(names)} alone")
