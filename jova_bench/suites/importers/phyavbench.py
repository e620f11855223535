"""Imports PhyAVBench: pairs of prompts that differ in one physical cause of the sound.

Layout of imxtx/PhyAVBench (src/phyavbench/data/prompt_all.jsonl, commit ff872b0): 337 rows `{id, prompt_a, prompt_b,
ref_video_a, ref_video_b}`. Its score pairs files `ID_a` and `ID_b`; the recordings are not in the repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jova_bench.suites.importers.reading import Draft, Fault, Row, drafts, json_lines

SIDES = ("a", "b")


def prompts(source: Path) -> Iterator[Draft | Fault]:
    """Yields two drafts per row."""
    for row in json_lines(source):
        if isinstance(row, Fault):
            yield row
            continue
        for side in SIDES:
            yield from drafts([row], partial(draft, side=side))


def draft(row: Row, side: str) -> Draft:
    """Makes the prompt of one side. The text describes picture and sound together; the group is a tag."""
    texts = {one: row.needed(f"prompt_{one}") for one in SIDES}
    group = row.needed("id")
    tags = {"group": group, "side": side, "kind": group.partition("_")[0]}
    return Draft(row.where, f"{group}_{side}", video_caption=texts[side], tags=tags)
