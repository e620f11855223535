"""Finds the real clips of a suite's set distances, separate from its prompts' own, and reads them when needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np

from jova_bench.cache import DiskCache, FeatureCache
from jova_bench.digests import file_digest
from jova_bench.errors import BenchError, Unavailable
from jova_bench.execution.base import Executor, TaskFailed, WorkerContext
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.real_clips import Kind, RealClips
from jova_bench.progress import Progress
from jova_bench.runs.store import FEATURES
from jova_bench.suites.clips import clips_in
from jova_bench.suites.loading import Suite


@dataclass(frozen=True)
class RealFiles:
    """A set of real clips before they are read."""

    name: str
    digests: Mapping[Path, str]
    """`Clip.digest` of each file, in their order."""
    features: Path
    """Folder of the cache of their features."""

    def at(self, context: WorkerContext) -> RealClips:
        """Returns the clips as metrics read them in a worker."""
        clips = tuple((digest, partial(_read, context, path, digest)) for path, digest in self.digests.items())
        return RealClips(self.name, clips, context.cache(self.features))


def real_clips(
    suite: Suite,
    kinds: Iterable[Kind],
    limit: int | None,
    run_folder: Path,
    weights: Path,
    readers: Executor,
    progress: Progress,
) -> Mapping[Kind, RealFiles]:
    """Finds the sets of real clips that there are.

    Clips are identified by a digest of their decoded content, computed once; their embeddings are cached beside the
    weights for all runs (in the run's own folder where that one is read-only).

    Args:
        suite: names its reference set and its prompts' clips.
        kinds: which sets are needed.
        limit: the first so many prompts count, or None for all.
        run_folder: of the run that asks.
        weights: folder of assets.
        readers: decode files that were never decoded.
        progress: advances with each file.

    Raises:
        BenchError: a clip cannot be read, is there twice, or is in the reference set and a prompt's own.
    """
    wanted = set(kinds)
    if not wanted:
        return {}
    folder = suite.reference_folder() if "suite" in wanted else None
    named = clips_in(folder) if folder else ()
    own = [suite.path(prompt.reference) for prompt in suite.prompts if prompt.reference]
    if not named and "prompts" not in wanted:
        return {}
    cache = _shared_cache(weights, run_folder)
    found: dict[Path, str] = {}
    with progress.phase("read real clips", len({*named, *own})) as advance:
        paths = dict.fromkeys((*named, *own))
        for path in paths:
            with suppress(LookupError):
                found[path] = content_digest(path, cache, _absent)
                advance()
        new = [path for path in paths if path not in found]
        for path, digest in readers.map(new, partial(_looking, cache.folder)):
            if isinstance(digest, TaskFailed):
                raise BenchError(f"expected a reference clip that can be read, got {path}: {digest.reason}")
            found[path] = digest
            advance()
    sets: dict[Kind, RealFiles] = {}
    if folder and named:
        _check_disjoint({path: found[path] for path in named}, {path: found[path] for path in own})
        sets["suite"] = RealFiles(folder.name, {path: found[path] for path in named}, cache.folder)
    asked = [suite.path(prompt.reference) for prompt in suite.prompts[:limit] if prompt.reference]
    if "prompts" in wanted and asked:
        sets["prompts"] = RealFiles("the prompts' own clips", {path: found[path] for path in asked}, cache.folder)
    return sets


def content_digest(path: Path, cache: FeatureCache, read: Callable[[Path], Clip] = media.read) -> str:
    """Returns a file's `Clip.digest`; decodes it only if a file of these bytes was never decoded before."""
    of_bytes = file_digest(path)

    def look() -> dict[str, np.ndarray]:
        return {"digest": np.frombuffer(bytes.fromhex(read(path).digest), np.uint8)}

    return bytes(cache.get(of_bytes, f"content decoded by PyAV {av.__version__}", look)["digest"]).hex()


def _looking(features: Path, context: WorkerContext) -> Callable[[Path], str]:
    """Builds the function by which a worker reads a reference clip's digest."""
    cache = context.cache(features)
    return lambda path: content_digest(context.file(path), cache)


def _absent(path: Path) -> Clip:
    raise LookupError(path)


def _read(context: WorkerContext, path: Path, digest: str) -> Clip:
    clip = media.read(context.file(path))
    if clip.digest != digest:  # Its features would be kept under another's, for every run to come.
        raise Unavailable(f"{path} changed while the command ran; run it again")
    return clip


def _check_disjoint(named: Mapping[Path, str], own: Mapping[Path, str]) -> None:
    """Checks that no clip is in a set twice or in both: clips compared with themselves are at a distance of 0.

    Raises:
        BenchError: names the two files.
    """
    seen = {digest: path for path, digest in own.items()}
    for path, digest in named.items():
        if digest in seen and seen[digest] in own:
            raise BenchError(
                f"expected a reference set without the prompts' own clips, got {path}, "
                f"which has the same content as {seen[digest]}; remove it"
            )
        if digest in seen:
            raise BenchError(f"expected different clips in a reference set, got {seen[digest]} and {path}; remove one")
        seen[digest] = path


def _shared_cache(weights: Path, run_folder: Path) -> DiskCache:
    shared = weights / FEATURES
    there = next(path for path in (shared, *shared.parents) if path.exists())
    return DiskCache(shared if os.access(there, os.W_OK) else run_folder / FEATURES)
