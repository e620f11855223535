"""Imports T2AV-Compass: video, audio and speech prompts with attributes on ten axes.

Layout of NJU-LINK/T2AV-Compass (t2av-compass/Data/prompts.json, commit b726966): an array of rows. Generated files are
`sample_%04d` by `index`. Of its 500 rows, 100 name a real clip, which the repository does not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jova_bench.formatting.messages import shown
from jova_bench.ids import safe_id
from jova_bench.suites.importers.javisbench import ABSENT, is_there
from jova_bench.suites.importers.reading import Bad, Draft, Fault, Row, drafts, json_rows

AXES = (
    "source", "subject_matter", "core_subject", "event_scenario", "sound_type", "camera_movement",
    "visual_spatial_composition", "audio_spatial_composition", "visual_temporal_composition",
    "audio_temporal_composition",
)  # fmt: skip


def prompts(source: Path) -> Iterator[Draft | Fault]:
    """Yields one draft per row."""
    return drafts(json_rows(source), partial(draft, root=source.parent))


def draft(row: Row, root: Path) -> Draft:
    """Makes a prompt: all that is said, in turn, is the transcript; what each of several says stands in `speakers`."""
    index = row.value("index")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise Bad(f"index: expected a number from 0, got {shown(index)}")
    spoken, clip = row.rows("speech_prompt"), row.text("video")
    voices = [": ".join(filter(None, (one.text("speaker"), one.text("description")))) for one in spoken]
    here = is_there(root, clip)
    return Draft(
        row.where,
        f"sample_{index:04d}",
        video_caption=row.needed("video_prompt"),
        audio_caption=row.text("audio_prompt"),
        transcript=" ".join(filter(None, (one.text("text") for one in spoken))),
        reference=clip if here else None,
        speakers=_speakers(spoken),
        tags={
            **{axis: " | ".join(row.texts(axis)) for axis in AXES},
            "speech": "with" if spoken else "without",
            "voices": "; ".join(filter(None, voices)),
        },
        notes=(ABSENT,) if clip and not here else (),
    )


def _speakers(spoken: list[Row]) -> tuple[dict[str, str], ...]:
    """Gathers the turns of each speaker, in the order of their first; none where one speaks, or one has no name."""
    said: dict[str, list[str]] = {}
    for turn in spoken:
        if text := turn.text("text"):
            said.setdefault(turn.text("speaker"), []).append(text)
    if len(said) < 2 or "" in said:
        return ()
    return tuple({"id": safe_id(name), "text": " ".join(turns)} for name, turns in said.items())
