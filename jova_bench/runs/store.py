"""A run folder: append-only records, a manifest, a summary and clips; and the cache of extracted arrays.

Re-running a command is resuming it, so everything here survives being killed at any byte: records are whole
lines, a torn last line is removed when the run is opened again, and other files appear by rename.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any

from pydantic import TypeAdapter

from jova_bench.errors import BenchError, Incomplete
from jova_bench.files.lines import records, repair
from jova_bench.files.locks import Busy, acquire
from jova_bench.files.paths import shown_path
from jova_bench.files.reading import advising, as_record, read_json
from jova_bench.files.writing import PART, remove_parts, write_file
from jova_bench.formatting.doors import option
from jova_bench.formatting.messages import shown
from jova_bench.ids import file_stem
from jova_bench.keys import SampleKey
from jova_bench.records import Id, Sample, Score
from jova_bench.runs.attempts import count_attempts
from jova_bench.runs.manifest import Manifest, read_manifest
from jova_bench.summary import Summary

_ID: TypeAdapter[str] = TypeAdapter(Id)

MANIFEST, SAMPLES, SCORES, SUMMARY = "manifest.json", "samples.jsonl", "scores.jsonl", "summary.json"
BEGUN = ".begun.jsonl"
"""What becomes the lines of samples under way if the process that makes them is killed."""
FEATURES = "features"
"""Folder of extracted arrays inside a run."""
JOBS = "jobs"
"""Folder of what models keep from one command to the next, such as ids of jobs on a server."""
LOCK = ".lock"
LOST = "put back a copy of it, or make the run again in another folder: what made the clips here stood in it alone"
"""What to do about a manifest that is damaged. Nothing in the folder is touched."""
_BEFORE_MANIFEST = {LOCK, SAMPLES, SCORES, FEATURES, ".gitignore", ".gitkeep", ".DS_Store"}
"""What may lie in a folder before its first manifest: what a killed run leaves, and what is there by itself."""


@dataclass(frozen=True)
class Run:
    """The records of a run folder, read without taking its lock."""

    manifest: Manifest
    samples: tuple[Sample, ...]
    """One per (model, prompt, seed): the latest."""
    scores: tuple[Score, ...]
    """One per (model, prompt, seed, metric identity): the latest."""
    summary: Summary | None
    """None while the run has not finished once. Its attempts are those of the records, which may have grown since."""


class RunStore:
    """The one writer of a run folder, from `with` to its end."""

    def __init__(self, folder: str | os.PathLike[str], otherwise: str | None = None) -> None:
        """Takes the folder, and what to do where it is no run or busy: what `another_folder` says if None."""
        self.folder, self._otherwise = Path(folder), otherwise or another_folder()
        self._lock: IO[str] | None = None
        self._files: dict[str, IO[bytes]] = {}
        self._begun: dict[SampleKey, Sample] = {}

    def __enter__(self) -> RunStore:
        try:
            with _of_folder(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                self.check()
                self._lock = acquire(self.folder / LOCK)
        except Busy as error:
            raise BenchError(
                f"another process (pid {error.holder}) is writing {self.folder}; wait for it or {self._otherwise}"
            ) from error
        remove_parts(self.folder)
        for name in (SAMPLES, SCORES):
            repair(self.folder / name)
            self._files[name] = (self.folder / name).open("ab")
        self._keep_begun()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._lock is not None:
            self._lock.close()

    def check(self) -> None:
        """Refuses a folder that is there and takes no run, before any work. Raises BenchError."""
        with _of_folder(self.folder):
            if self.folder.exists():
                _check_ours(self.folder, self._otherwise)
                _check_files(self.folder, self._otherwise)

    def add_sample(self, sample: Sample) -> None:
        """Appends one line to `samples.jsonl`, on disk when this returns: it stands for minutes of generation."""
        self._append(SAMPLES, sample)
        os.fsync(self._files[SAMPLES].fileno())

    def begin(self, attempts: Iterable[Sample]) -> None:
        """Writes down attempts that begin, as they will stand if this process is killed. On disk when this returns."""
        self._begun.update((one.key, one) for one in attempts)
        self._write_begun()

    def end(self, samples: Iterable[SampleKey]) -> None:
        """Forgets attempts that have ended, whatever became of them."""
        for key in samples:
            self._begun.pop(key, None)
        self._write_begun()

    def _write_begun(self) -> None:
        if self._begun:
            write_file(self.folder / BEGUN, "".join(f"{one.model_dump_json()}\n" for one in self._begun.values()))
        else:
            (self.folder / BEGUN).unlink(missing_ok=True)

    def _keep_begun(self) -> None:
        """Adds the attempts that an earlier process began and did not end: the machine lost them."""
        begun = list(records(self.folder / BEGUN, Sample))
        latest = {line.key: line for line in self.lines()} if begun else {}
        for one in begun:
            line = latest.get(one.key)
            # It was killed after the line, or before the clip that took the place of a lost one.
            ended = line is not None and (line.attempt == one.attempt or self._has_clip(line))
            if not ended:
                self.add_sample(one)
        self._write_begun()

    def _has_clip(self, sample: Sample) -> bool:
        return sample.clip is not None and (self.folder / sample.clip).is_file()

    def add_score(self, score: Score) -> None:
        """Appends one line to `scores.jsonl`; a lost one is cheap to measure again."""
        self._append(SCORES, score)

    def void_score(self, score: Score, reason: str) -> Score:
        """Appends that a clip's score no longer stands, so that it is measured again when there is a clip."""
        void = score.model_copy(update={"status": "failed", "value": None, "reason": reason})
        self.add_score(void)
        return void

    def lines(self) -> list[Sample]:
        """Returns every line of `samples.jsonl`, in order."""
        return list(records(self.folder / SAMPLES, Sample))

    def samples(self) -> list[Sample]:
        """Returns the latest sample of every (model, prompt, seed)."""
        return list(_latest(self.lines()))

    def scores(self) -> list[Score]:
        """Returns the latest score of every (model, prompt, seed, metric identity)."""
        return _scores(self.folder)

    def manifest(self) -> Manifest | None:
        """Reads the manifest; None in a new folder. Raises BenchError as `read_run` does."""
        return manifest_of(self.folder)

    def write_manifest(self, manifest: Manifest) -> None:
        """Replaces `manifest.json`."""
        _write_json(self.folder / MANIFEST, manifest.written())

    def write_summary(self, summary: Summary) -> None:
        """Replaces `summary.json`."""
        _write_json(self.folder / SUMMARY, summary.model_dump(mode="json", by_alias=True))

    def drop_summary(self) -> None:
        """Removes `summary.json`, before records are added that it is not of."""
        (self.folder / SUMMARY).unlink(missing_ok=True)

    def recorded(self, clip: str) -> Path:
        """Returns the path of a recorded clip. Raises BenchError if it leads out of the folder."""
        if PurePosixPath(clip).is_absolute() or ".." in PurePosixPath(clip).parts:
            what = f"expected a clip inside the folder, got {shown(clip)}; delete the line"
            raise BenchError(f"{self.folder / SAMPLES}: {what}")
        return self.folder / clip

    def clip_path(self, model: str, prompt_id: str, seed: int, suffix: str = ".mp4") -> Path:
        """Returns a clip's path, `clips/MODEL/PROMPT.SEED.mp4`."""
        of_model, of_prompt = (file_stem(_ID.validate_python(one)) for one in (model, prompt_id))
        folder = _untaken(self.folder / "clips" / of_model, "")
        return _untaken(folder / of_prompt, f".{seed}{suffix}")

    def keep_clip(self, content: bytes, target: Path) -> None:
        """Writes a file of media as it is; `target` appears complete or not at all."""
        write_file(target, content)

    def _append(self, name: str, record: Sample | Score) -> None:
        # One write of one whole line: a reader never sees half of it unless the machine dies.
        self._files[name].write(record.model_dump_json().encode() + b"\n")
        self._files[name].flush()


def _untaken(stem: Path, end: str) -> Path:
    """Returns a path, or another if the file system has one whose name differs in letter case alone."""
    path = stem.with_name(f"{stem.name}{end}")
    if not path.exists() or path.name in {unicodedata.normalize("NFC", one.name) for one in path.parent.iterdir()}:
        return path
    digest = hashlib.sha256(stem.name.encode()).hexdigest()[:16]
    return stem.with_name(f"{stem.name}~{digest}{end}")


def read_run(folder: str | os.PathLike[str]) -> Run:
    """Reads a run folder, also one that is being written.

    Raises:
        BenchError: it is no run folder, or a file in it is broken.
    """
    folder = Path(folder)
    manifest = manifest_of(folder)
    if manifest is None:
        found = f"got {shown_path(folder)}"
        raise BenchError(f"expected a run folder with a {MANIFEST}, {found}; make one with `run` or `score`")
    lines, summary = list(records(folder / SAMPLES, Sample)), summary_of(folder)
    if summary is not None:
        summary = summary.model_copy(update={"attempts": count_attempts(tuple(manifest.models), lines)})
    return Run(manifest, _latest(lines), tuple(_scores(folder)), summary)


def unfinished(folder: str | os.PathLike[str]) -> Incomplete:
    """Returns the error for a run that was stopped, or generated alone: the same command would not score that."""
    todo = "repeat its command, with `run` in the place of `generate`, or its call, without `scoring=False`"
    return Incomplete(f"expected a finished run, got {folder}, which has no summary; {todo}")


def another_folder() -> str:
    """Says what to do about a folder that takes no results of this command or call."""
    return f"give another {option('out')}"


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_file(path, text + "\n")


@contextmanager
def _of_folder(folder: Path) -> Iterator[None]:
    """Makes what the file system refuses in the block an error of the folder that was given."""
    try:
        yield
    except (OSError, RecursionError) as error:  # Python makes folders by recursion.
        why = error.strerror if isinstance(error, OSError) else "too many folders in each other"
        raise BenchError(f"expected a folder to write a run in, got {shown_path(folder)}: {why}") from error


def _check_ours(folder: Path, otherwise: str) -> None:
    """Refuses a folder that has other files and is no run: a run would add thousands of files to them."""
    if (folder / MANIFEST).exists():
        return
    names = (path.name for path in folder.iterdir())
    others = sorted(name for name in names if name not in _BEFORE_MANIFEST and not PART.fullmatch(name))
    if others:
        what = f"has files ({shown(others[0])}{', ...' if others[1:] else ''}) and no {MANIFEST}; {otherwise}"
        raise BenchError(f"expected a run folder, an empty one or a new one, got {folder}, which {what}")


def _check_files(folder: Path, otherwise: str) -> None:
    """Refuses a folder where something else has the name of a file that the run will write, before any work."""
    for path in (folder / name for name in (MANIFEST, SAMPLES, SCORES, SUMMARY)):
        if path.exists() and not path.is_file():
            raise BenchError(f"{path}: expected a file, got something else; move it away, or {otherwise}")


def _latest(lines: Iterable[Sample]) -> tuple[Sample, ...]:
    return tuple({line.key: line for line in lines}.values())


def _scores(folder: Path) -> list[Score]:
    return list({score.key: score for score in records(folder / SCORES, Score)}.values())


def manifest_of(folder: Path) -> Manifest | None:
    """Reads the manifest of a folder; None where there is none. Raises BenchError as `read_run`."""
    path = folder / MANIFEST
    with advising(LOST):
        return read_manifest(read_json(path), str(path)) if path.exists() else None


def summary_of(folder: Path) -> Summary | None:
    """Reads the summary of a folder; None where there is none. Raises BenchError as `read_run`."""
    path = folder / SUMMARY
    if not path.exists():
        return None
    with advising("repeat the command of the run, which writes it again from the records"):
        return as_record(Summary, read_json(path), str(path))
