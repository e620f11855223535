"""Has a clip made by a job on a server, and paid for once: what was created is waited for and fetched, by any command.

A job is forgotten only where the server states that it does not have it, that it failed, or that another version took
over; and a key only where its first request was not taken. All else that may be paid for stays, to be asked for again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jova_baselines.served.client import DECLINES, NO_JOB, NOT_LOOKED_AT, UNKNOWN, Stated, VideoServer
from jova_baselines.served.jobs import Alias, Job, Jobs
from jova_baselines.served.options import ServedOptions
from jova_baselines.served.protocol import JobState, says_gone
from jova_baselines.served.refusals import is_refusal
from jova_bench.errors import BenchError, Refused, Unavailable
from jova_bench.media.files import read
from jova_bench.web.keys import is_in
from jova_bench.web.server import NoAnswer

AGAIN = "run the same command again"
PAID = "a job may have been made, and paid for"
ANOTHER_ROW = "for clips of that version take another folder, or another `engine` in its table"

Request = Callable[[Job], tuple[bytes, str]]
"""Writes the request of a job: its body, the same whenever it is written, and its content type."""


@dataclass(frozen=True)
class Made:
    """A clip that was made and fetched."""

    path: Path
    state: JobState
    seconds: float | None
    """Generation time as the server states it, else from the call that was accepted to the end; None where an earlier
    command asked first, of whose time nothing is known."""


@dataclass(frozen=True)
class Orders:
    """Orders of clips at a server."""

    server: VideoServer
    options: ServedOptions
    stated: Stated
    """What the server stated of itself when the clips were planned."""
    route: str
    """Engine and version, named in a refusal."""
    jobs: Jobs | None
    """Where jobs are kept; None for a process that keeps none."""

    def made(self, wanted: Job, request: Request, folder: Path) -> Made:
        """Makes one clip, by a job of this command or of an earlier one.

        Args:
            wanted: the job, as it is where no command began it.
            request: writes its request.
            folder: for the clip.

        Raises:
            BenchError: there is no clip.
            Refused: the server declines the prompt.
            Unavailable: the server is known to make clips by another model.
        """
        job, state, began = None if self.jobs is None else self.jobs.find(wanted), None, None
        if job is None or job.id is None:
            self._check_no_alias()
            self._check_same()
            job, state, began = self._created(wanted, job, request)
        self._check_alone(job)
        if state is None or state.status != "refused":  # Of such a job a server may keep nothing.
            state = self._waited(job)
        took = None if began is None else time.monotonic() - began
        self._check_clip(job, state)
        return Made(self._downloaded(job, folder), state, took if state.seconds is None else state.seconds)

    def _created(self, wanted: Job, begun: Job | None, request: Request) -> tuple[Job, JobState, float | None]:
        """Creates a job on the server, and keeps its id before anything else happens.

        Args:
            wanted: as a new one.
            begun: as an earlier command sent it, of which no answer came; its key, and so its body, are sent again.
            request: writes the body.

        Returns:
            The job, its state, and when the call began that was accepted; None for what was begun before.
        """
        job = begun or wanted
        content, kind = request(job)
        self._keep(job)
        try:
            state, called = self.server.create(content, kind, job.key)
        except NoAnswer as error:
            if error.status in DECLINES and is_refusal(error.said):
                raise Refused(f"by {self.route}{self.server.message(error.said)}") from error
            raise self._not_created(job, error, again=begun is not None) from error
        if is_in(state.id, self.server.key_variable):
            what = f"expected an id of the job, got one with the key of {self.server.key_variable} in it"
            raise BenchError(f"{self.server.by}: {what}; {PAID}; {AGAIN} to ask with the same Idempotency-Key")
        job = self._keep(job.model_copy(update={"id": state.id}))
        self._check_model(state)
        return job, state, None if begun else called

    def _not_created(self, job: Job, error: NoAnswer, again: bool) -> BenchError:
        """Returns the error of a creation; a key stays, by which a server finds a job that this or another call made.

        Args:
            job: what was to be created.
            error: in place of an answer.
            again: whether an earlier command sent the same key.
        """
        if error.status in NO_JOB:
            if again:
                before = "an earlier command sent the same Idempotency-Key, by which " + PAID
                return BenchError(f"{error}; {before}; look there, or {self._another(job)}")
            self._forget(job)
        elif error.status not in NOT_LOOKED_AT:
            return BenchError(f"{error}; {PAID}; {AGAIN} to ask with the same Idempotency-Key")
        return error

    def _check_alone(self, job: Job) -> None:
        """Checks that no other job of the run has the id of this one.

        Raises:
            BenchError: one has, so that the clip may be what the other was asked for. Both jobs stay.
        """
        if self.jobs is not None and (other := self.jobs.other(job)) is not None:
            what = f"expected an id that no other job has, got {self.server.shown(job.id)}, which is in {other}, too"
            look = f"look whose the server has: remove {other} if its clip is in the run, else {self._another(job)}"
            raise BenchError(f"{self.server.by}: {what}; {look}")

    def _waited(self, job: Job) -> JobState:
        """Asks for the state of a job until it has ended."""
        began = time.monotonic()
        while (state := self._retrieved(job)).status == "waiting":
            if time.monotonic() - began >= self.options.timeout_s:
                what = f"the job {self.server.shown(job.id)} is {self.server.shown(state.word)}"
                raise BenchError(f"{self.server.by}: {what} after {self.options.timeout_s:g} s; {AGAIN} to wait on")
            time.sleep(self.options.poll_s)
        return state

    def _retrieved(self, job: Job) -> JobState:
        """Returns the state of a job; one that the server says that it does not have is forgotten, and said."""
        assert job.id is not None
        try:
            return self.server.retrieve(job.id)
        except NoAnswer as error:
            if error.status not in UNKNOWN:
                raise
            if not says_gone(error.said, job.id):
                what = f"which does not say that the job {self.server.shown(job.id)} is gone, and may be a gateway's"
                raise BenchError(f"{error}, {what}; {AGAIN} to ask again, or {self._another(job)}") from error
            gone = f"expected the job {self.server.shown(job.id)}, which this server no longer has"
            raise self._spoilt(job, f"{gone}; {AGAIN} to have, and to pay for, another one") from error

    def _check_clip(self, job: Job, state: JobState) -> None:
        """Checks that a job ended with a clip of the model and version that were asked for."""
        self._check_model(state)
        if state.status == "refused":
            raise Refused(f"by {self.route}{self.server.message(state.said) or f': {self.server.shown(state.word)}'}")
        if state.status == "failed":
            said = self.server.message(state.said.get("error"))
            raise self._spoilt(job, f"expected a clip, got a job that is {self.server.shown(state.word)}{said}")
        self._check_same(job)

    def _downloaded(self, job: Job, folder: Path) -> Path:
        """Writes the clip of a finished job into a folder; returns its path.

        Raises:
            BenchError: there is none that can be read. The job is paid for and stays, to be asked for its clip again.
        """
        assert job.id is not None
        again = f"{AGAIN} to fetch it again, or {self._another(job)}"
        try:
            path = self.server.download(job.id, folder, self.options.timeout_s)
        except NoAnswer as error:
            if error.status not in UNKNOWN:
                raise
            self._retrieved(job)  # A server may have the job and not, or not yet, its clip.
            raise BenchError(f"{error} for the clip of the job {self.server.shown(job.id)}; {again}") from error
        try:
            read(path)
        except BenchError as error:
            what = f"expected the clip of the job {self.server.shown(job.id)}, got {path.stat().st_size} bytes"
            raise BenchError(f"{self.server.by}: {what}: {error}; {again}") from error
        return path

    def _check_model(self, state: JobState) -> None:
        """Checks that a job is of the model that was asked for, where it names one.

        Raises:
            BenchError: it is of another. The job stays, and no further one is created.
        """
        if state.model in ("", self.server.model):
            return
        alias = Alias(server=self.server.url, model=self.server.model, stated=self.server.blotted(state.model))
        if self.jobs is not None:
            self.jobs.keep_alias(alias)
        raise BenchError(self._other_model(alias))

    def _check_no_alias(self) -> None:
        """Raises Unavailable where the server is known to make clips by another model: it is not asked for more."""
        if self.jobs is not None and (alias := self.jobs.alias(self.server.url, self.server.model)):
            mended = f"if the server was mended, remove {self.jobs.alias_path}"
            raise Unavailable(f"not asked: {self._other_model(alias)}; {mended}")

    def _other_model(self, alias: Alias) -> str:
        expected, got = map(self.server.shown, (alias.model, alias.stated))
        what = f"{self.server.by}: expected a clip of {expected}, got one of {got}"
        return f"{what}; name the model as the server does, after the #"

    def _check_same(self, job: Job | None = None) -> None:
        """Checks that the server states the version of the plan. Raises BenchError: clips of two never share a row."""
        path = self.stated.version_at
        if path is None or (now := self.server.version(path)) == self.stated.version:
            return
        was, shown = self.stated.version, self.server.shown
        what = f"expected version {shown(was)} of the server, as planned, got {shown(now or 'none stated')}"
        if now is None:  # A gateway's own answer, maybe: it says nothing of the job.
            raise BenchError(f"{self.server.by}: {what}; {AGAIN} when it states its version")
        if job is None:
            raise BenchError(f"{self.server.by}: {what}; {ANOTHER_ROW}")
        raise self._spoilt(job, f"{what} in the middle of a clip; {ANOTHER_ROW}")

    def _keep(self, job: Job) -> Job:
        return job if self.jobs is None else self.jobs.keep(job)

    def _forget(self, job: Job) -> None:
        if self.jobs is not None:
            self.jobs.forget(job.prompt_id, job.seed)

    def _another(self, job: Job) -> str:
        """Says how to give up a job that is kept."""
        return "ask for another seed" if self.jobs is None else self.jobs.another(job)

    def _spoilt(self, job: Job, why: str) -> BenchError:
        """Returns the error of a job that will never give a clip of this row, after forgetting it."""
        self._forget(job)
        return BenchError(f"{self.server.by}: {why}")
