"""Imports plain tables and JSON lines with the fields of a prompt by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.suites.clips import CLIP_SUFFIXES
from jova_bench.suites.importers.reading import Bad, Draft, Fault, Row, drafts, json_lines, table_rows

FIELDS = ("id", "video_caption", "audio_caption", "transcript", "language", "image", "audio", "voice", "reference")
TAG = "tag:"
SPEECHLESS = "there is no column transcript: nobody speaks in these prompts"
CUT = "the id was the name of a file, and its suffix was left out"


def table(source: Path, columns: Mapping[str, str] | None = None) -> Iterator[Draft | Fault]:
    """Yields one draft per row of a CSV file, or of a .tsv file with tabs. An unknown column is a fault, not a tag.

    Args:
        source: the file.
        columns: fields of columns that have other names, `tag:NAME` for a tag; an empty one leaves its column out.
    """
    rows = table_rows(source, "\t" if source.suffix.lower() == ".tsv" else ",")
    return drafts(_renamed(rows, columns or {}), _of_table)


def lines(source: Path, columns: Mapping[str, str] | None = None) -> Iterator[Draft | Fault]:
    """Yields one draft per line; see `table`, but that tags are an object."""
    return drafts(_renamed(json_lines(source), columns or {}), _of_line)


def column_map(words: Iterable[str]) -> dict[str, str]:
    """Returns fields by column from `COLUMN=FIELD`. Raises BenchError for another field, and for one given twice."""
    found: dict[str, str] = {}
    for word in words:
        column, equals, name = (part.strip() for part in word.partition("="))
        if not equals or not column:
            raise BenchError(f"expected --map COLUMN=FIELD, got {shown(word)}; --map COLUMN= leaves a column out")
        if name and name not in FIELDS and not name.removeprefix(TAG):
            raise BenchError(f"expected the name of a tag after {TAG}, got {shown(word)}")
        if name and name not in FIELDS and not name.startswith(TAG):
            raise BenchError(f"expected --map {column}=FIELD, got {shown(name)}; {suggest(name, FIELDS)}")
        if column in found or (name and name in found.values()):
            twice = column if column in found else name
            raise BenchError(f"expected each column and field once in --map, got {shown(twice)} twice")
        found[column] = name
    return found


def _renamed(rows: Iterable[Row | Fault], columns: Mapping[str, str]) -> Iterator[Row | Fault]:
    """Yields rows under the names of fields. A column that is not there, or a field twice, is a fault."""
    for row in rows:
        if isinstance(row, Fault):
            yield row
            continue
        absent = next((column for column in columns if column not in row.fields), None)
        if absent is not None:
            yield Fault(row.where, f"--map {absent}: no such column; {suggest(absent, row.fields)}")
            continue
        named = [(columns.get(column, column), value) for column, value in row.fields.items()]
        named = [(name, value) for name, value in named if name]
        fields = dict(named)
        if len(fields) < len(named):
            taken = next(name for name in columns.values() if name in row.fields and name not in columns)
            yield Fault(row.where, f"{taken}: --map gives it to another column; leave this one out by --map {taken}=")
            continue
        yield replace(row, fields=fields)


def _of_table(row: Row) -> Draft:
    tags = {name.removeprefix(TAG): row.text(name) for name in row.fields if name.startswith(TAG)}
    unknown = [name for name in row.fields if name not in FIELDS and not name.startswith(TAG)]
    if unknown:
        how = f"--map {unknown[0]}=FIELD says what one is ({TAG}NAME: a tag), --map {unknown[0]}= leaves it out"
        raise Bad(
            f"{', '.join(unknown)}: unknown column{'s' * bool(unknown[1:])}; {how}; {suggest(unknown[0], FIELDS)}"
        )
    made = _draft(row, tags)
    return made if "transcript" in row.fields else replace(made, notes=(*made.notes, SPEECHLESS))


def _of_line(row: Row) -> Draft:
    tags = row.value("tags") or {}
    known = (*FIELDS, "speakers", "tags")
    unknown = [name for name in row.fields if name not in known]
    if unknown:
        raise Bad(f"{unknown[0]}: unknown field; {suggest(unknown[0], known)}")
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise Bad(f"tags: expected an object of texts, got {shown(tags)}")
    return _draft(row, tags)


def _draft(row: Row, tags: dict[str, str]) -> Draft:
    if not any(row.text(name) for name in ("video_caption", "audio_caption", "transcript")):
        raise Bad("expected a video_caption, an audio_caption or a transcript, got none")
    name = row.needed("id")
    bare = next((name[: -len(suffix)] for suffix in CLIP_SUFFIXES if name.lower().endswith(suffix)), None) or name
    return Draft(
        row.where,
        bare,
        row.text("video_caption"),
        row.text("audio_caption"),
        row.text("transcript"),
        row.text("language") or None,
        row.text("image") or None,
        row.text("audio") or None,
        row.text("reference") or None,
        tags,
        notes=(CUT,) if bare != name else (),
        voice=row.text("voice") or None,
        speakers=tuple(one.fields for one in row.rows("speakers")),
    )
