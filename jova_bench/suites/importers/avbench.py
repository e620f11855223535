"""Imports AVBench: captions of video and audio, and what is said.

Layout of YaJialiang/AVBench (commit 052d6df): `dataset/normal_subset.json` and a file of the hard subset, arrays of
`{id, prompt_vision, prompt_audio, utterance, full_prompt}`. Clips are called by the id, `_` and the model. Utterances
are in several languages, which no field names: some of Latin letters are not English.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jova_bench.suites.importers.collect import UNKNOWN
from jova_bench.suites.importers.reading import Draft, Fault, Row, drafts, json_rows

SPLITS = ("normal", "hard")
SEVERAL = "utterances are in several languages and none is named, so each is `und`, which WER does not judge"


def prompts(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per row. The merged `full_prompt` is not taken."""
    split = next((one for one in SPLITS if one in source.stem.lower()), "")
    yield from drafts(json_rows(source), partial(draft, split=split))


def draft(row: Row, split: str) -> Draft:
    """Makes a prompt."""
    return Draft(
        row.where,
        row.needed("id"),
        video_caption=row.needed("prompt_vision"),
        audio_caption=row.text("prompt_audio"),
        transcript=row.text("utterance"),
        language=UNKNOWN if row.text("utterance") else None,
        tags={"split": split},
        notes=(SEVERAL,) if row.text("utterance") else (),
    )
