"""Imports prompts of other benchmarks and datasets as prompt files. `docs/suites.md` shows each layout.

An importer is a generator of drafts: it reads rows and says which field is what. Ids, files and faults are shared
(`collect`), and so is writing (`placing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown, suggest
from jova_bench.registry import load
from jova_bench.suites.importers.collect import LANGUAGE, Imported, collect
from jova_bench.suites.importers.reading import Draft, Fault

Importer = Callable[..., Iterator[Draft | Fault]]
"""`importer(source)`: a file or folder in, drafts and faults out; one of a format with columns also takes `columns`."""


@dataclass(frozen=True)
class Format:
    """Describes one layout that can be imported."""

    target: str
    """`module:importer` in this package."""
    source: str
    """Description of SOURCE."""
    licence: str
    """SPDX expression of the prompts, as their publisher states it."""
    slices: tuple[str, ...] = ()
    """Tags that are categories, and thus slices of every table."""
    has_columns: bool = False
    """Whether its fields may have other names, which `columns` tells."""


_UNSTATED = "LicenseRef-not-stated"
_OWN = "LicenseRef-yours"

FORMATS: Mapping[str, Format] = {
    "verse-bench": Format(
        "versebench:prompts", "folder of set1, set2, set3 with ID.json, ID.jpg and ID.wav", _UNSTATED, ("set", "speech")
    ),
    "verse-bench-mova": Format(
        "versebench:one_file", "MOVA's evaluation/verse_bench_prompts.json", "Apache-2.0", ("set", "speech")
    ),
    "avgen-bench": Format("avgenbench:prompts", "folder prompts of AVGen-Bench: CATEGORY.json", "MIT", ("category",)),
    "javisbench": Format(
        "javisbench:prompts",
        "JavisBench.csv or JavisBench-mini.csv",
        "MIT",
        ("event_scenario", "visual_style", "sound_type"),
    ),
    "t2av-compass": Format("t2av:prompts", "T2AV-Compass's prompts.json", _UNSTATED, ("subject_matter", "sound_type")),
    "vabench-t2av": Format(
        "vabench:text", "checkout of VABench: json_files/json_text and mapping", _UNSTATED, ("level", "category")
    ),
    "vabench-i2av": Format(
        "vabench:image", "checkout of VABench with its images anywhere below", _UNSTATED, ("category",)
    ),
    "avbench": Format("avbench:prompts", "a file of AVBench's dataset: array of prompts", _UNSTATED, ("split",)),
    "mochabench": Format(
        "mochabench:prompts", "checkout of MoChaBench, or its folder benchmark", "Apache-2.0", ("category", "people")
    ),
    "phyavbench": Format("phyavbench:prompts", "PhyAVBench's prompt_all.jsonl", "MIT", ("kind", "side")),
    "uniavatar": Format(
        "uniavatar:prompts", "folder of ID.json and ID.png, with ID.wav and ID.mp4 if any", _OWN, ("category",)
    ),
    "lrs3": Format(
        "talking:lrs3", "folder of VIDEO/CLIP.mp4 and .txt, or of pretrain, trainval, test", _OWN, ("split",)
    ),
    "hdtf": Format("talking:hdtf", "folder of clips such as WDA_Name_000.mp4", _OWN, ("part",)),
    "hdtf-first15": Format(
        "subsets:hdtf_first15", "folder with HDTF's lists and its clips, cut to their first 15 s", _OWN, ("part",)
    ),
    "emtd-110": Format("subsets:emtd_110", "folder with EchoMimicV2's list of EMTD and its clips", _OWN),
    "voxceleb": Format(
        "talking:voxceleb", "folder of mp4/idNNNNN/VIDEO/CLIP.mp4, or of dev and test", _OWN, ("split",)
    ),
    "csv": Format("plain:table", "table with the columns of a prompt; tag:NAME for a tag", _OWN, has_columns=True),
    "jsonl": Format("plain:lines", "JSON lines with the fields of a prompt", _OWN, has_columns=True),
}
"""Formats by name, as `suites import` takes it."""


def read_source(
    form: str, source: Path, language: str | None = None, columns: Mapping[str, str] | None = None
) -> Imported:
    """Reads a source completely: its prompts and all its faults.

    Args:
        form: a key of `FORMATS`.
        source: file or folder; nothing outside of it, or of the file's folder, is read.
        language: of transcripts whose source names none; see `collect`.
        columns: fields of columns that have other names, see `plain.table`.

    Raises:
        BenchError: no such format or source, nothing in it fits the format, or that one has no columns.
    """
    if form not in FORMATS:
        raise BenchError(f"expected a format, got {shown(form)}; {suggest(form, FORMATS)}")
    if language is not None and not LANGUAGE.fullmatch(language):
        raise BenchError(f"expected --language with a BCP 47 tag such as en or zh-CN, got {shown(language)}")
    if not source.exists():
        raise BenchError(f"expected {FORMATS[form].source}, got {source}, which is not there")
    if columns and not FORMATS[form].has_columns:
        raise BenchError(f"expected --map with csv or jsonl, got the format {form!r}, whose layout is known")
    importer: Importer = load(f"{__name__}.{FORMATS[form].target}", f"the format {form!r}")
    if columns:
        importer = partial(importer, columns=columns)
    found = collect(importer(source), source if source.is_dir() else source.parent, language)
    if not found.prompts and not found.faults:
        raise BenchError(f"expected {FORMATS[form].source}, got {source} without any prompt")
    return found


__all__ = ["FORMATS", "Format", "Imported", "read_source"]
