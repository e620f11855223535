"""What a baseline needs on this machine, as its manifest and its folder say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jova_baselines.external import checkout, home
from jova_baselines.external.manifest import Manifest
from jova_baselines.external.present import Present
from jova_baselines.external.weights import Weights
from jova_bench.errors import BenchError
from jova_bench.models.requirements import PublishedSpeed, Requirements, WeightFiles


def requirements(manifest: Manifest) -> Requirements:
    """Returns weights with sizes and licences, memory, published times, and the command that fetches the rest."""
    where = home.of(manifest)
    unsized = []
    if manifest.source is not None and _is_to_fetch(where.checkout, manifest.source.commit):
        unsized.append("checkout")
    if manifest.environment is not None and not where.installed.is_file():
        unsized.append("environment")
    weights = tuple(_weights(one, home.present(manifest), where) for one in manifest.weights)
    fetch = home.fetch_command(manifest)
    return Requirements(
        weights=weights,
        gpu_gb=manifest.memory.gpu_gb,
        memory_note=manifest.memory.note,
        speeds=tuple(PublishedSpeed(**one.model_dump()) for one in manifest.speed),
        unsized=tuple(unsized),
        setup=fetch if unsized or not all(one.here for one in weights) else None,
    )


def joined(first: Requirements, second: Requirements) -> Requirements:
    """Returns what two stages need, which run one after the other; no time of the whole was published."""
    memory = [one.gpu_gb for one in (first, second) if one.gpu_gb is not None]
    return replace(
        first,
        weights=(*first.weights, *second.weights),
        gpu_gb=max(memory) if len(memory) == 2 else None,
        memory_note=f"{first.memory_note}, then {second.memory_note}",
        speeds=(),
        unsized=(*first.unsized, *second.unsized),
        setup=" && ".join(filter(None, (first.setup, second.setup))) or None,
    )


def _is_to_fetch(folder: Path, commit: str) -> bool:
    try:
        return checkout.head(folder) != commit
    except BenchError:  # `home.missing` tells it: no set-up would help.
        return False


def _weights(one: Weights, found: Present, where: home.Home) -> WeightFiles:
    here = not found.missing(one)
    stated = None if one.gb is None else round(one.gb * 1e9)
    measured = sum(path.stat().st_size for path in found.files(one).values())
    return WeightFiles(
        name=one.at(found.verified(one)),
        licence=one.licence,
        terms=one.terms,
        size=measured if here else stated,
        here=here,
        pinned=one.pinned,
        into=f"{where.weights / one.folder}: {', '.join(one.files)}",
    )
