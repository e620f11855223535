"""Reads run folders that are merged: their records, their clips, and what models keep there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jova_bench.cache import ARRAYS
from jova_bench.errors import BenchError
from jova_bench.keys import SampleKey
from jova_bench.records import Sample, Score
from jova_bench.runs.manifest import Manifest
from jova_bench.runs.store import FEATURES, JOBS, MANIFEST, SAMPLES, RunStore


@dataclass(frozen=True)
class Part:
    """Holds one run folder, as it was read under its lock."""

    store: RunStore
    manifest: Manifest
    samples: Mapping[SampleKey, list[Sample]]
    """Every line of each sample, in order."""
    scores: Sequence[Score]

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.store.folder

    def clip(self, recorded: str) -> Path:
        """Returns the path of a recorded clip. Raises BenchError if it leads out, by a link or by name."""
        return self._inside(self.store.recorded(recorded))

    def jobs(self) -> Iterator[tuple[Path, bytes]]:
        """Yields what models keep there, by path in the folder. Raises BenchError for a link out of it."""
        for path in sorted((self.folder / JOBS).rglob("*.json")):
            yield path.relative_to(self.folder), self._inside(path).read_bytes()

    def features(self) -> Sequence[Path]:
        """Returns the files of cached arrays. Raises BenchError for a link out of the folder."""
        found = sorted((self.folder / FEATURES).glob(ARRAYS))
        for folder in {path.parent for path in found}:
            self._inside(folder)
        return [self._inside(path) if path.is_symlink() else path for path in found]

    def _inside(self, path: Path) -> Path:
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise BenchError(
                f"expected a file inside the folder, got {path}, a link out of it; put a copy in its place"
            )
        return path


def read_part(store: RunStore) -> Part:
    """Reads a run folder. Raises BenchError for a broken file, or a sample of what its manifest does not have."""
    manifest = store.manifest()
    assert manifest is not None  # Asked before.
    samples, prompts = dict[SampleKey, list[Sample]](), {prompt.id for prompt in manifest.prompts}
    for line in store.lines():
        if line.model not in manifest.models or line.prompt_id not in prompts:
            what = f"got {line.model}, prompt {line.prompt_id!r}; delete its lines"
            raise BenchError(f"{store.folder / SAMPLES}: expected samples of models and prompts in {MANIFEST}, {what}")
        samples.setdefault(line.key, []).append(line)
    return Part(store, manifest, samples, store.scores())
