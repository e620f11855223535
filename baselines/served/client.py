"""Talks to a server of `POST /v1/videos`: what it states of itself, a new job, a job's state, a job's clip."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from jova_baselines.served.protocol import SUFFIXES, JobState, is_same_job, read_job
from jova_bench.errors import BenchError
from jova_bench.files.reading import unique_keys
from jova_bench.web.http import kind_of
from jova_bench.web.server import Call, ModelServer, NoAnswer, is_broken

VERSION_AT = ("/version", "/server_info", "/get_server_info")
"""Where vLLM and vLLM-Omni state their version, and where SGLang does."""
LARGEST_CLIP = 1 << 31
"""Bytes of a clip; a longer one is an error."""
_DENIED = (401, 403)
NOT_LOOKED_AT = (*_DENIED, 407, 429)
"""Statuses by which a server, or a gateway in front of it, says that it has done nothing with a request so far."""
NO_JOB = (400, 402, 404, 405, 406, 410, 411, 413, 414, 415, 422, 431, 451)
"""Statuses by which a server says of a request, not of its state or of a key, that it takes none such."""
DECLINES = (200, 400, 403, 406, 422, 451)
"""Statuses that may be an answer of the model; any other is of a server that is busy or broken, or wants a key."""
UNKNOWN = (404, 410)
"""Statuses by which a server says that it has none such."""


def finite(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes an object with unique keys, None in place of NaN and infinities: of a measure gone wrong no clip is lost.

    Raises:
        ValueError: a key is there twice.
    """
    found = unique_keys(pairs)
    return {key: None if isinstance(one, float) and not math.isfinite(one) else one for key, one in found.items()}


@dataclass(frozen=True)
class Stated:
    """What a server states of itself; None where it does not."""

    engine: str | None
    """Owner of the model in the server's list: `vllm`, `sglang`, or a vendor."""
    version: str | None
    version_at: str | None = None
    """Path at which it states the version."""


class VideoServer(ModelServer):
    """A server of videos, whose address is given up to `/v1`, and the model that it is asked for."""

    largest_bytes = 1 << 26
    """Gateways repeat the request in their answers, with its files."""

    def stated(self) -> Stated:
        """Asks the server what it states of itself.

        Raises:
            NoAnswer: it cannot be reached, or the key is wrong.
            BenchError: it serves one model, and another one.
        """
        models = self._found_at("/v1/models", denied=True)
        listed = models.get("data") if isinstance(models, dict) else None
        owners = {
            one["id"]: one.get("owned_by")
            for one in (listed if isinstance(listed, list) else ())
            if isinstance(one, dict) and isinstance(one.get("id"), str)
        }
        if len(owners) == 1 and self.model not in owners:  # A gateway may list others than those of videos.
            (other,) = owners
            what = f"expected the model {self.shown(self.model)}, got a server of {self.shown(other)}"
            raise BenchError(f"{self.by}: {what}; name the model as the server does, after the #")
        owner = owners.get(self.model)
        engine = self.blotted(owner) if isinstance(owner, str) and owner.strip() else None
        for path in VERSION_AT:
            if (version := self._version_in(self._found_at(path))) is not None:
                return Stated(engine, version, path)
        return Stated(engine, None)

    def version(self, path: str) -> str | None:
        """Returns the version that the server states at a path; None where it states none there any more.

        Raises:
            NoAnswer: it cannot be reached, or stays busy.
        """
        try:
            return self._version_in(self.send(Call(path, repeatable=True), self._values))
        except NoAnswer as error:
            if error.status != 404:
                raise
            return None

    def create(self, content: bytes, kind: str, key: str) -> tuple[JobState, float]:
        """Creates a job; returns it, and when the call began that was accepted, by `time.monotonic`.

        Args:
            content: body of the request.
            kind: its content type.
            key: the same for the same job: a server that knows `Idempotency-Key` creates it once, however often it
                is asked, if it is asked with the same body.

        Raises:
            NoAnswer: there is no job, or its id did not arrive; see `NO_JOB` and `NOT_LOOKED_AT`.
        """
        called: list[float] = []
        headers = {"Content-Type": kind, "Idempotency-Key": key}
        call = Call("/v1/videos", content, headers, once=True, begun=lambda: called.append(time.monotonic()))
        return self._answer(call), called[-1]

    def retrieve(self, job_id: str) -> JobState:
        """Returns the state of a job.

        Raises:
            NoAnswer: there is none, with status 404 where the server does not know the job, or it is of another job.
        """
        found = self._answer(Call(self._path(job_id), repeatable=True))
        if not is_same_job(job_id, found.id):
            what = f"expected an answer about the job {self.shown(job_id)}, got one about {self.shown(found.id)}"
            raise NoAnswer(f"{self.by}: {what}")
        return found

    def download(self, job_id: str, folder: Path, within_s: float) -> Path:
        """Writes the clip of a finished job into a folder, byte for byte; returns its path.

        Args:
            job_id: as the server gave it.
            folder: where the file is written.
            within_s: seconds that the download may take, repetitions included.

        Raises:
            NoAnswer: it does not come, or not in time, or is longer than `LARGEST_CLIP`.
        """
        end = time.monotonic() + within_s

        def read(response: httpx2.Response) -> Path:
            path, size = folder / f"clip{SUFFIXES.get(kind_of(response), '.mp4')}", 0
            with path.open("wb") as file:
                for part in response.iter_bytes():
                    size += len(part)
                    if size > LARGEST_CLIP:
                        raise NoAnswer(f"{self.by}: expected a clip of at most {LARGEST_CLIP} bytes, got more")
                    if time.monotonic() >= end:
                        raise NoAnswer(f"{self.by}: expected a clip within {within_s:g} s, got {size} bytes of it")
                    file.write(part)
            return path

        return self.send(Call(f"{self._path(job_id)}/content", repeatable=True), read)

    def _answer(self, call: Call) -> JobState:
        answer = self.send(call, self._finite)
        if (found := read_job(answer)) is None:
            raise NoAnswer(f"{self.by}: expected a job with id and status, got {self.shown(answer)}", 200, answer)
        return found

    @staticmethod
    def _path(job_id: str) -> str:
        return f"/v1/videos/{quote(job_id, safe='')}"

    def _version_in(self, found: Any) -> str | None:
        version = found.get("version") if isinstance(found, dict) else None
        return self.blotted(version.strip()) if isinstance(version, str) and version.strip() else None

    def _found_at(self, path: str, denied: bool = False) -> Any:
        """Returns the JSON values at a path that not every server has; None where there are none.

        Args:
            path: what is asked for.
            denied: whether it is a fault of the key that access is denied: others hide what they do not have.

        Raises:
            NoAnswer: the server cannot be reached, or stays busy: what it would state is not known.
        """
        try:
            return self.send(Call(path), self._values)
        except NoAnswer as error:
            status = error.status
            busy = status is None or status == 429 or (is_broken(status) and status != 501)
            if busy or (denied and status in _DENIED):
                raise
            return None

    def _finite(self, response: httpx2.Response) -> Any:
        return self.parsed(response, finite)

    def _values(self, response: httpx2.Response) -> Any:
        """Reads a response as JSON values; None for anything else, such as a web page for people."""
        try:
            return self._finite(response)
        except NoAnswer:
            return None
