"""Finds the real clips that changes are planted on: a folder of them, a run folder, or a suite with real clips."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from jova_bench.calibration.changes import UNCHANGED
from jova_bench.errors import BenchError
from jova_bench.formatting import doors
from jova_bench.formatting.messages import shown
from jova_bench.prompts import Prompt
from jova_bench.records import Profile
from jova_bench.runs.request import ANY_PROFILE, profile_of
from jova_bench.runs.store import MANIFEST, read_run
from jova_bench.suites.clips import answer, clips_by_id, listing, some
from jova_bench.suites.folder import folder_suite
from jova_bench.suites.loading import Suite, is_named, load_suite

REAL = "real"


def real_suite(clips: str | os.PathLike[str] | Suite) -> tuple[Suite, Profile]:
    """Returns a suite whose prompts all name their real clip as `reference`, and the profile that judges such clips.

    Args:
        clips: a folder of clips, with or without prompts.jsonl; a run folder, whose clips are those of `real`, of an
            earlier calibration's `unchanged`, or of its only model; or a suite, by name, file or folder.

    Raises:
        BenchError: nothing of that kind is there, or it has no real clip.
    """
    if isinstance(clips, Suite):
        suite, profile = clips, profile_of(None, clips)
    elif is_named(str(clips)):  # Whatever folder of that name is here.
        suite = load_suite(clips)
        profile = profile_of(None, suite)
    elif (Path(clips) / MANIFEST).is_file():
        suite, profile = _of_run(Path(clips))
    elif Path(clips).is_dir() and listing(Path(clips)).clips:
        suite, profile = _of_folder(Path(clips)), ANY_PROFILE
    elif Path(clips).exists() or str(clips).endswith(".jsonl"):
        suite = load_suite(clips)
        profile = profile_of(None, suite)
    else:
        raise BenchError(
            f"expected a folder of clips, a run folder or a suite, got {shown(str(clips))}, which is none; "
            f"`{doors.listing('suites')}` has names of suites"
        )
    prompts = tuple(prompt for prompt in suite.prompts if prompt.reference is not None)
    if not prompts:
        raise BenchError(
            f"expected real clips, got the suite {shown(suite.name)}, none of whose {len(suite.prompts)} prompts has a "
            "`reference`; give a folder of clips"
        )
    return replace(suite, prompts=prompts, slices=()), profile


def _of_folder(folder: Path) -> Suite:
    """Makes each clip of a folder the real clip of its prompt, or of an empty one."""
    suite, clips = folder_suite(folder, None), clips_by_id(folder)
    found = [(prompt, answer(clips, prompt.id)) for prompt in suite.prompts]
    prompts = tuple(prompt.model_copy(update={"reference": path and path.name}) for prompt, path in found)
    return replace(suite, prompts=prompts, root=folder)


def _of_run(folder: Path) -> tuple[Suite, Profile]:
    """Makes the clips of a run's real model, or of its only one, the real clips of their prompts; the first seed's."""
    run = read_run(folder)
    samples = [sample for sample in run.samples if sample.clip is not None]
    models = list(dict.fromkeys(sample.model for sample in samples))
    model = next((one for one in (REAL, UNCHANGED) if one in models), models[0] if len(models) == 1 else None)
    if model is None:
        got = f"clips of {some(models)}" if models else "no clip"
        raise BenchError(
            f"expected a run with the model {REAL}, or with one model alone, got {got} in {folder}; give a folder of "
            f"clips, such as {folder / 'clips' / (models[0] if models else 'MODEL')}"
        )
    ours = {sample.prompt_id: sample for sample in sorted(samples, key=lambda one: -one.seed) if sample.model == model}
    prompts = tuple(
        Prompt.model_validate(_without_files(prompt) | {"reference": ours[prompt.id].clip})
        for prompt in run.manifest.prompts
        if prompt.id in ours
    )
    content = [f"{one.id} {ours[one.id].clip_digest}" for one in prompts]
    digest = hashlib.sha256("\n".join([run.manifest.suite_digest, *content]).encode()).hexdigest()
    embedded = run.manifest.domain == "embedded"  # Its reference set ships with the package.
    reference_set = run.manifest.reference_set if embedded else None
    suite = Suite(run.manifest.suite, prompts, folder, digest, run.manifest.domain, reference_set)
    return suite, run.manifest.profile


def _without_files(prompt: Prompt) -> dict[str, Any]:
    """Returns the fields of a prompt but its files, which lie beside the prompts of a run, wherever those are."""
    said = [{"id": one.id, "text": one.text} for one in prompt.speakers]
    return prompt.model_dump() | {"image": None, "audio": None, "voice": None, "edit": None, "speakers": said}
