"""Finds what clips cost in earlier runs: seconds, memory and bytes, of the same model on a like device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.models.base import Plan
from jova_bench.records import Sample
from jova_bench.runs.manifest import Manifest, PlanRecord
from jova_bench.runs.store import MANIFEST, Run, read_run

FORMAT = ("frames", "fps", "height", "width", "seconds")
OF_A_PROMPT = ("request", "image", "audio", "video", "file_sha256")
"""Settings of a plan that differ between prompts and leave the time of a clip as it is."""


@dataclass(frozen=True)
class Measured:
    """What the clips of a model cost in one earlier run."""

    run: Path
    device: str
    """Name of the processor or GPU."""
    clips: int
    seconds: float
    """Mean generation time of a clip, without loading weights."""
    peak_memory_bytes: int | None
    clip_bytes: float | None
    """Mean size of a clip's file."""


def earlier_runs(folder: Path) -> dict[Path, Run]:
    """Reads the run in a folder and those beside it; what is no run, or cannot be read, is passed over."""
    beside, found = list[Path](), {}
    with suppress(OSError):
        beside = sorted(folder.parent.iterdir())
    for one in dict.fromkeys((folder, *beside)):
        with suppress(BenchError, OSError):
            if (one / MANIFEST).is_file():
                found[one] = read_run(one)
    return found


def measured(
    model: str, plans: Sequence[Plan], kind: str, devices: Sequence[str], runs: Mapping[Path, Run]
) -> Measured | None:
    """Returns what the most clips of one run say of a model's time; None where no run has any.

    Args:
        model: name of the model.
        plans: of the clips that are to be made: only clips of an equal format by equal settings count.
        kind: `cpu` or `cuda`.
        devices: names of the processors or GPUs that are to make them; empty where they are not known.
        runs: earlier runs by folder.
    """
    wanted = {_cost_of(plan) for plan in plans}
    found = [
        one
        for folder, run in runs.items()
        if (name := _device(run.manifest, model, kind)) and (not devices or name in devices)
        if (one := _of_run(folder, run, model, name, wanted))
    ]
    return max(found, key=lambda one: one.clips, default=None)


def _device(manifest: Manifest, model: str, kind: str) -> str | None:
    """Returns the name of the device that made a model's clips; None if it is of another kind, or has no name."""
    record = manifest.models.get(model)
    if record is None or record.device.partition(":")[0] != kind:
        return None
    return next((one.device_name for one in reversed(manifest.provenance) if one.device == record.device), None)


def _of_run(folder: Path, run: Run, model: str, device: str, wanted: set[Any]) -> Measured | None:
    plans = run.manifest.models[model].plans
    fitting = {key for key, plan in plans.items() if isinstance(plan, PlanRecord) and _cost_of(plan) in wanted}
    samples = [one for one in run.samples if one.model == model and one.status == "ok" and one.prompt_id in fitting]
    times = [one.generate_s for one in samples if one.generate_s is not None]
    if not times:
        return None
    memory = [one.peak_memory_bytes for one in samples if one.peak_memory_bytes is not None]
    sizes = list(_sizes(folder, samples))
    return Measured(
        run=folder,
        device=device,
        clips=len(times),
        seconds=sum(times) / len(times),
        peak_memory_bytes=max(memory, default=None),
        clip_bytes=sum(sizes) / len(sizes) if sizes else None,
    )


def _cost_of(plan: Plan | PlanRecord) -> tuple[Any, ...]:
    """Returns what decides the time of a clip: its format, and the settings that all prompts share."""
    settings = sorted((key, value) for key, value in (plan.settings or {}).items() if key not in OF_A_PROMPT)
    return (*(getattr(plan, name) for name in FORMAT), *settings)


def _sizes(folder: Path, samples: Iterable[Sample]) -> Iterator[int]:
    for one in samples:
        if one.clip is not None and (folder / one.clip).is_file():
            yield (folder / one.clip).stat().st_size
