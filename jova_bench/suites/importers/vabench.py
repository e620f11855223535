"""Imports VABench: separate captions of video and audio, for text (T2AV) and for text with a first frame (I2AV).

Layout of tanABCC/VABench (commit 0b1fe7c): `json_files/json_text/LEVEL_CATEGORY.json` and
`json_files/json_image/N_CATEGORY.json`, arrays of `{prompt_en, prompt_vision, prompt_audio, ...}`, and
`mapping/final_idx_to_prompt.csv`, tab-separated `idx` and `prompt_en`, the latter escaped as inside a JSON string. A
name of the mapping is the name of the generated file, and in I2AV of the image, which comes in a dataset of its own.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from jova_bench.suites.importers.reading import (
    IMAGES,
    Bad,
    Draft,
    Fault,
    Row,
    below,
    drafts,
    files,
    json_rows,
    table_rows,
)

MAPPING = "mapping/final_idx_to_prompt.csv"
UNNAMED = "the mapping has no name for it, so the id is its file and row"


def text(source: Path) -> Iterator[Draft | Fault]:
    """Yields the drafts of T2AV."""
    names, faults = _names(source)
    yield from faults
    for path in files(source / "json_files" / "json_text", ".json"):
        level, _, category = path.stem.partition("_")
        tags = {"level": level, "category": category}
        yield from drafts(json_rows(path), partial(draft, stem=path.stem, names=names, tags=tags))


def image(source: Path) -> Iterator[Draft | Fault]:
    """Yields the drafts of I2AV."""
    names, faults = _names(source)
    yield from faults
    pictures: dict[str, list[str]] = {}
    for path in files(source, *IMAGES):
        pictures.setdefault(path.name, []).append(below(path, source))
    for path in files(source / "json_files" / "json_image", ".json"):
        tags = {"category": re.sub(r"^\d+_+", "", path.stem)}
        make = partial(draft, stem=path.stem, names=names, tags=tags, pictures=pictures)
        yield from drafts(json_rows(path), make)


def draft(
    row: Row,
    stem: str,
    names: Mapping[str, str],
    tags: Mapping[str, str],
    pictures: Mapping[str, list[str]] | None = None,
) -> Draft:
    """Makes a prompt, named by the mapping. Speech is quoted only inside the captions, so there is no transcript."""
    name = names.get(row.needed("prompt_en"))
    return Draft(
        row.where,
        name.partition(".")[0] if name else f"{stem}.row{int(row.key) + 1:03d}",
        video_caption=row.needed("prompt_vision"),
        audio_caption=row.text("prompt_audio"),
        image=None if pictures is None else _picture(name, pictures),
        tags=tags,
        notes=() if name else (UNNAMED,),
    )


def _picture(name: str | None, pictures: Mapping[str, list[str]]) -> str:
    if name is None:
        raise Bad(f"prompt_en: expected a prompt of {MAPPING}, which names its image, got another")
    found = pictures.get(name, [])
    if len(found) != 1:
        raise Bad(f"expected one image {name} below the source, found {len(found)}; it comes in a dataset of its own")
    return found[0]


def _names(source: Path) -> tuple[dict[str, str], list[Fault]]:
    """Returns the names by prompt, and faults."""
    names: dict[str, str] = {}
    faults = []
    for row in table_rows(source / MAPPING, delimiter="\t", quoting=csv.QUOTE_NONE):
        if isinstance(row, Fault):
            faults.append(row)
            continue
        try:
            prompt = json.loads(f'"{row.needed("prompt")}"')
            if prompt in names:
                raise Bad(f"prompt: expected each once, got that of {names[prompt]!r} again")
            names[prompt] = row.needed("idx")
        except json.JSONDecodeError as error:
            faults.append(Fault(row.where, f"prompt: expected text escaped as in JSON, got {error.msg}"))
        except Bad as error:
            faults.append(Fault(row.where, str(error)))
    return names, faults
