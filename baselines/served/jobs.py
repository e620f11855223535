"""Jobs that were created on a server, kept in the run's folder: what was paid for is asked for again, not made again.

One file a prompt and seed, `jobs/MODEL/PROMPT.SEED.json`. It is written before the request, with a key by which a
server may recognise a repeated one, and again with the job's id before anything else is done. A server that makes
clips by another model than it is asked for is kept beside them, so that no other process or command pays for more.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

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
    id: str | None = None
    """Id that the server gave it; None while there is no answer."""


class Alias(Record):
    """A name by which a server answers with another model."""

    server: str
    """Address."""
    model: str
    """Name by which the server was asked."""
    stated: str
    """Name of the model by which it made a clip."""


@dataclass(frozen=True)
class Jobs:
    """The jobs of one model in a run."""

    folder: Path

    def find(self, wanted: Job) -> Job:
        """Returns the job that was created for this, or begun; `wanted` itself, which is kept, where there is none.

        Raises:
            BenchError: the file is damaged.
        """
        path = self._path(wanted.prompt_id, wanted.seed)
        if path.exists():
            found = as_record(Job, read_json(path), str(path))
            if found.model_copy(update={"key": wanted.key, "id": None}) == wanted:
                return found
        return self.keep(wanted)

    def keep(self, job: Job) -> Job:
        """Writes a job's file, which is on disk when this returns."""
        path = self._path(job.prompt_id, job.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, job.model_dump_json(indent=2) + "\n")
        return job

    def forget(self, prompt_id: str, seed: int) -> None:
        """Removes a job's file: the next clip of this prompt and seed is a new job."""
        self._path(prompt_id, seed).unlink(missing_ok=True)

    @property
    def alias_path(self) -> Path:
        """Path of the alias, which no job has."""
        return self.folder / "another-model.json"

    def alias(self, server: str, model: str) -> Alias | None:
        """Returns the alias that was found of a name on a server. Raises BenchError for a damaged file."""
        if not self.alias_path.exists():
            return None
        found = as_record(Alias, read_json(self.alias_path), str(self.alias_path))
        return found if (found.server, found.model) == (server, model) else None

    def keep_alias(self, alias: Alias) -> None:
        """Writes an alias down."""
        write_file(self.alias_path, alias.model_dump_json(indent=2) + "\n")

    def _path(self, prompt_id: str, seed: int) -> Path:
        return self.folder / f"{file_stem(prompt_id)}.{seed}.json"


def new_key() -> str:
    """Returns a key that no other request has."""
    return secrets.token_hex(16)
