"""Collects what a tracker of experiments records of a run: what was asked, the values, and files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.identity import Identity
from jova_bench.runs.manifest import Manifest
from jova_bench.runs.store import SUMMARY, read_run
from jova_bench.summary import Summary

PROJECT = "jova-bench"
"""What runs are filed under where neither the user nor the environment says so."""
LONGEST = 500
"""Maximum characters of a parameter that every version of MLflow accepts."""


@dataclass(frozen=True)
class Tracked:
    """Holds what every tracker records of one run."""

    folder: Path
    params: dict[str, str]
    """The request, by name."""
    values: dict[str, float]
    """Values over all prompts, by `metric/model`."""
    files: tuple[Path, ...]
    """The summary, and the views of the leaderboard."""


def tracked(folder: Path, files: Sequence[Path]) -> Tracked:
    """Reads a run folder.

    Args:
        folder: of the run.
        files: views of its leaderboard.

    Raises:
        BenchError: the run has no summary.
    """
    run = read_run(folder)
    if run.summary is None:
        raise BenchError(f"expected a scored run, got {folder}; finish it with `run` or `score`")
    return Tracked(folder, params(run.manifest), values(run.summary), (folder / SUMMARY, *files))


def params(manifest: Manifest) -> dict[str, str]:
    """Returns the request of a run as texts."""
    latest = manifest.provenance[-1] if manifest.provenance else None
    request = {
        **{name: getattr(manifest, name) for name in ("suite", "suite_digest", "profile", "seeds", "device")},
        "prompts": len(manifest.prompts),
        "models": sorted(manifest.models),
        **{name: getattr(latest, name, None) for name in ("git_commit", "git_dirty", "device_name", "python")},
    }
    texts = {name: one if isinstance(one, str) else json.dumps(one) for name, one in request.items()}
    return {name: text[:LONGEST] for name, text in texts.items()}


def values(summary: Summary) -> dict[str, float]:
    """Returns the value of every estimate that has one, over all prompts, as `metric/model`.

    `metric.bench/model` is the variant of a published bench. Metrics that would share a name have the evaluator's name
    appended, such as `lse_c.syncnet-a/model`, or their whole identity where that does not distinguish them,
    such as WER by two Whispers. Letters of any script stay; what MLflow refuses is `_`, with a digest of the model's
    name behind it, so that no two values share a name.
    """
    whole = [one for one in summary.estimates if one.slice is None]
    names: dict[Identity, str] = {}
    for name in (_name, _judged, _taken, _marked):
        found: dict[str, set[Identity]] = {}
        for identity in {one.identity for one in whole} - names.keys():
            found.setdefault(name(identity), set()).add(identity)
        names |= {identity: text for text, (identity, *others) in found.items() if not others}
    models = {one: one if _taken(one) == one else _marked(one) for one in {one.model for one in whole}}
    return {f"{names[one.identity]}/{models[one.model]}": one.value for one in whole if one.value is not None}


def _name(one: Identity) -> str:
    return _taken(one.name if one.bench is None else f"{one.name}.{one.bench}")


def _judged(one: Identity) -> str:
    return _taken(f"{_name(one)}.{one.backend}")


def _taken(text: str) -> str:
    """Returns a text with `_` for what MLflow refuses (`mlflow.utils.validation`); the other trackers take more."""
    return re.sub(r"[^\w\-./ :]", "_", text)


def _marked(text: str) -> str:
    """Returns what is taken of a text, and 8 hex digits of its sha256."""
    return f"{_taken(text)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
