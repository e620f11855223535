"""Jobs that were created on a server, kept in the run's folder: what was paid for is asked for again, not made again.

One file a prompt and seed, `jobs/MODEL/PROMPT.SEED.json`. It is written before the request, with a key by which a
server may recognise a repeated one, and again with the job's id before anything else is done. A server that makes
clips by another model than it is asked for is kept beside them, so that no other process or command pays for more.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, read_json
from jova_bench.files.writing import write_file
from jova_bench.ids import file_stem
from jova_bench.records import Id, Record, Seed


class Job(Record):
    """A job, and what it is for."""

    server: str
    """Address."""
    model: str
    """Name by which the server was asked for it."""
    prompt_id: Id
    """Id of the prompt in the suite."""
    seed: Seed
    """Sampling seed."""
    request: str
    """Digest of the request without its seed."""
    key: str
    """Sent as `Idempotency-Key`."""
    version: str | None = None
    """Version that the server stated; None where it states none."""
    id: str | None = Field(default=None, min_length=1)
    """Id that the server gave it; None while there is no answer."""


class Alias(Record):
    """A name by which a server answers with another model."""

    server: str
    """Address."""
    model: str
    """Name by which the server was asked."""
    stated: str
    """Name of the model by which it made a clip."""


Kept = TypeVar("Kept", Job, Alias)
_Version = tuple[int, int, int]
"""Number, time and size of a file: one that takes the place of another has another number, or time."""
_JobId = tuple[object, object]
"""A server, and the id that it gave a job, as they stand in a file."""


@dataclass(frozen=True)
class Jobs:
    """The jobs of one model in a run."""

    folder: Path
    _known: dict[str, tuple[_Version, _JobId]] = field(default_factory=dict, compare=False, repr=False)
    """Ids of jobs by the path of their file, and which version of the file that is of."""

    def find(self, wanted: Job) -> Job | None:
        """Returns the job that was created for this, or begun; None where there is none.

        Raises:
            BenchError: the file is damaged, or of another request. It stays: what it is of may be paid for.
        """
        path = self._path(wanted.prompt_id, wanted.seed)
        if (found := self._read(Job, path)) is None:
            return None
        ours, theirs = (one.model_dump(exclude={"key", "id"}) for one in (wanted, found))
        if differ := [name for name, value in ours.items() if theirs[name] != value]:
            what = f"a job of the same {' and '.join(differ)} as now, got one of another, which may be paid for"
            back = "go back to the options, the prompt and the server that it is of"
            raise BenchError(f"{path}: expected {what}; {back}, or {_another(path)}")
        return found

    def keep(self, job: Job) -> Job:
        """Writes a job's file, which is on disk when this returns."""
        path = self._path(job.prompt_id, job.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, job.model_dump_json(indent=2) + "\n")
        return job

    def other(self, job: Job) -> Path | None:
        """Returns the file of another job of the run, of any model, with this one's id on its server; None without."""
        own = self._path(job.prompt_id, job.seed)
        for model in sorted(path for path in self.folder.parent.iterdir() if path.is_dir()):
            with os.scandir(model) as files:
                for file in files:
                    if self._id_in(file) == (job.server, job.id) and Path(file.path) != own:
                        return Path(file.path)
        return None

    def _id_in(self, file: os.DirEntry[str]) -> _JobId | None:
        """Returns the id in the file of a job, which is read where it is another than when it was last asked for."""
        if not file.name.endswith(".json"):
            return None
        try:
            now = file.stat()
            version = now.st_ino, now.st_mtime_ns, now.st_size
            known = self._known.get(file.path)
            if known is None or known[0] != version:
                found = read_json(Path(file.path))
                job = found if isinstance(found, dict) else {}
                known = self._known[file.path] = version, (job.get("server"), job.get("id"))
        except (OSError, BenchError):  # Another process removed it; a damaged one is said where it is asked for.
            return None
        return known[1]

    def has(self, prompt_id: str, seed: int) -> bool:
        """Returns whether a server gave a job of this prompt and seed an id. Raises BenchError for a damaged file."""
        job = self._read(Job, self._path(prompt_id, seed))
        return job is not None and job.id is not None

    def forget(self, prompt_id: str, seed: int) -> None:
        """Removes a job's file: the next clip of this prompt and seed is a new job."""
        self._path(prompt_id, seed).unlink(missing_ok=True)

    @property
    def alias_path(self) -> Path:
        """Path of the alias, which no job has."""
        return self.folder / "another-model.json"

    def alias(self, server: str, model: str) -> Alias | None:
        """Returns the alias that was found of a name on a server. Raises BenchError for a damaged file."""
        found = self._read(Alias, self.alias_path)
        return found if found is not None and (found.server, found.model) == (server, model) else None

    def keep_alias(self, alias: Alias) -> None:
        """Writes an alias down."""
        write_file(self.alias_path, alias.model_dump_json(indent=2) + "\n")

    def another(self, job: Job) -> str:
        """Says how to give up a job."""
        return _another(self._path(job.prompt_id, job.seed))

    @staticmethod
    def _read(kind: type[Kept], path: Path) -> Kept | None:
        """Reads a file of the folder; None where there is none. Raises BenchError for a damaged one."""
        if not path.exists():
            return None
        try:
            return as_record(kind, read_json(path), str(path))
        except BenchError as error:
            raise BenchError(f"{error}; what was paid for may stand in it: look, and {_another(path)}") from error

    def _path(self, prompt_id: str, seed: int) -> Path:
        return self.folder / f"{file_stem(prompt_id)}.{seed}.json"


def _another(path: Path) -> str:
    return f"remove {path} to have, and to pay for, another one"


def new_key() -> str:
    """Returns a key that no other request has."""
    return secrets.token_hex(16)
