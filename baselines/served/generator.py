"""A served model as a `Generator` of the harness: plan, identity, and clips by jobs that outlive this process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jova_baselines.external.inputs import ModelInput, files, model_input
from jova_baselines.external.render import text
from jova_baselines.served.client import Stated, VideoServer, may_have_a_job
from jova_baselines.served.jobs import Alias, Job, Jobs, new_key
from jova_baselines.served.options import ServedOptions
from jova_baselines.served.protocol import JobState, body, is_refusal
from jova_bench.digests import file_digest, short_digest
from jova_bench.errors import BenchError, Refused, Unavailable
from jova_bench.ids import safe_id
from jova_bench.media.files import read
from jova_bench.models.base import Generated, Plan, Setting
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite
from jova_bench.web.server import NoAnswer, is_broken

AGAIN = "run the same command again"


@dataclass(frozen=True)
class Made:
    """A job that has ended well."""

    state: JobState
    seconds: float | None
    """Generation time as the server states it, else from the request to the end; None for a job of an earlier
    command, of whose time nothing is known."""


class ServedModel:
    """A model behind `POST /v1/videos`. Where it is asked, nothing is loaded."""

    batch_size = 1
    reads_files = True

    def __init__(self, server: VideoServer, options: ServedOptions, stated: Stated) -> None:
        """Sets up the model; asks the server nothing.

        Args:
            server: where it is, and what the server calls it.
            options: what the user says of it.
            stated: what the server stated of itself.
        """
        self.server, self.options, self.stated = server, options, stated
        self.needs = tuple(part for part in ("image", "audio") if getattr(options, part) == "required")
        self.at_once = options.at_once
        self.jobs: Jobs | None = None
        model = server.model.rsplit("/", 1)[-1]
        self.name = safe_id("-".join([model, "via", *self.route.split()]))
        """Such as `MiniMax-H3-via-vllm-0.30.0`: the model by this route, and no other."""

    @property
    def route(self) -> str:
        """Engine and version as stated, else as the user says, else the host."""
        if self.stated.version is not None and self.options.engine is None:
            return f"{self.stated.engine or self.server.host} {self.stated.version}"
        return self.options.engine or self.server.host

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Settings that decide whether a comparison is fair; stored in the run's manifest."""
        return {
            "title": f"{self.server.model} via {self.route}",
            "server": self.server.url,
            "engine_as_the_server_states": self.stated.engine,
            "version_as_the_server_states": self.stated.version,
            "engine_as_the_user_says": self.options.engine,
            "price_as_the_user_says": self.options.price,
            "currency": self.options.currency,
            "prompt_renderer": self.options.renderer,
            "audio": self.options.sound,
            "options": self.options.sent,
        }

    def check(self) -> str | None:
        """Returns None: the server answered when the model was built."""
        return None

    def keep_in(self, folder: Path) -> None:
        """Keeps jobs in a folder, under the model's name."""
        self.jobs = Jobs(folder / self.name)

    def forget(self, prompt_id: str, seed: int) -> None:
        """Forgets the job of a clip, whose answer is recorded: the next one is another draw."""
        if self.jobs is not None:
            self.jobs.forget(prompt_id, seed)

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns the format that is asked for; what is not asked for, the server decides."""
        inputs = model_input(prompt, suite, self.options.consumes)
        asked, pixels = self.options, self.options.pixels
        width, height = pixels or (None, None)
        given = {"image": inputs.image, "audio": inputs.audio}
        settings: dict[str, Setting] = {
            "model": self.server.model,
            "route": self.route,
            "engine": self.stated.engine or "not stated",
            "version": self.stated.version or "not stated",
            "request": self._digest(inputs),
            **{part: one.origin for part, one in given.items() if one is not None},
            **{f"option {key}": _setting(value) for key, value in sorted(asked.sent.items())},
        }
        return Plan(
            frames=asked.frames,
            fps=asked.fps,
            height=height,
            width=width,
            sample_rate_hz=inputs.audio.sample_rate_hz if asked.sound == "driving" and inputs.audio else None,
            seconds=asked.length_s,
            note=f"{self.server.model} via {self.route}, request {settings['request']}",
            audio=asked.sound,
            settings=settings,
        )

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated | Exception]:
        """Yields one clip after the other; the file of a clip exists until the next is requested."""
        for prompt in prompts:
            with TemporaryDirectory(prefix="jova-bench-served-", ignore_cleanup_errors=True) as folder:
                try:
                    yield self._sample(model_input(prompt, suite, self.options.consumes), seed, Path(folder))
                except (BenchError, Unavailable, Refused) as error:
                    yield error

    def _sample(self, inputs: ModelInput, seed: int, folder: Path) -> Generated:
        """Makes one clip, by a job of this command or of an earlier one."""
        wanted = Job(
            server=self.server.url,
            model=self.server.model,
            prompt_id=inputs.prompt.id,
            seed=seed,
            request=self._digest(inputs),
            key=new_key(),
        )
        job = wanted if self.jobs is None else self.jobs.find(wanted)
        began = None
        if job.id is None:
            self._check_no_alias()
            self._check_same()
            began = time.monotonic()
            job = self._created(job, inputs, folder)
        made = self._finished(job, began)
        path = self._downloaded(job, folder)
        audio = inputs.audio
        aligned = self.options.sound == "driving" and audio is not None and audio.origin == "reference"
        return Generated(
            path,
            timing="aligned" if aligned else "free",
            peak_memory_bytes=made.state.peak_memory_bytes,
            seconds=made.seconds,
            timed=made.seconds is not None,
        )

    def _created(self, job: Job, inputs: ModelInput, folder: Path) -> Job:
        """Creates a job on the server, and keeps its id before anything else happens."""
        fields = {**self._fields(inputs), "seed": job.seed}
        content, kind = body(fields, files(inputs, folder), self.options.encoding)
        try:
            state = self.server.create(content, kind, job.key)
        except NoAnswer as error:
            if is_refusal(error.said):
                raise Refused(f"by {self.route}{self.server.message(error.said)}") from error
            if not may_have_a_job(error):
                self.forget(job.prompt_id, job.seed)
            elif error.status is None or is_broken(error.status):  # The key is kept, by which a server finds the job.
                paid = "a job may have been made, and paid for"
                raise BenchError(f"{error}; {paid}; {AGAIN} to ask with the same Idempotency-Key") from error
            raise
        job = job.model_copy(update={"id": state.id})
        job = job if self.jobs is None else self.jobs.keep(job)
        self._check_model(state)
        return job

    def _finished(self, job: Job, began: float | None) -> Made:
        """Waits for the end of a job, which must be a clip of the model that was asked for."""
        state = self._waited(job)
        self._check_model(state)
        if state.status == "refused":
            raise Refused(f"by {self.route}{self.server.message(state.said) or f': {self.server.shown(state.word)}'}")
        if state.status == "failed":
            said = self.server.message(state.said.get("error"))
            raise self._spoilt(job, f"expected a clip, got a job that is {self.server.shown(state.word)}{said}")
        self._check_same(job)
        took = None if began is None else time.monotonic() - began
        return Made(state, took if state.seconds is None else state.seconds)

    def _waited(self, job: Job) -> JobState:
        """Asks for the state of a job until it has ended."""
        assert job.id is not None
        began = time.monotonic()
        while True:
            try:
                state = self.server.retrieve(job.id)
            except NoAnswer as error:
                raise self._lost(job, error) from error
            if state.status != "waiting":
                return replace(state, id=job.id)
            if time.monotonic() - began >= self.options.timeout_s:
                what = f"the job {self.server.shown(job.id)} is {self.server.shown(state.word)}"
                raise BenchError(f"{self.server.by}: {what} after {self.options.timeout_s:g} s; {AGAIN} to wait on")
            time.sleep(self.options.poll_s)

    def _downloaded(self, job: Job, folder: Path) -> Path:
        """Writes the clip of a finished job into a folder; returns its path.

        Raises:
            BenchError: there is none that can be read. The job is paid for and stays, to be asked for its clip again.
        """
        assert job.id is not None
        try:
            path = self.server.download(job.id, folder, self.options.timeout_s)
        except NoAnswer as error:
            raise self._lost(job, error) from error
        try:
            read(path)
        except BenchError as error:
            what = f"expected the clip of the job {self.server.shown(job.id)}, got {path.stat().st_size} bytes"
            raise BenchError(f"{self.server.by}: {what}: {error}; {AGAIN} to fetch it again") from error
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
        if job is None:
            raise BenchError(f"{self.server.by}: {what}; {AGAIN} for a row of its own")
        raise self._spoilt(job, f"{what} in the middle of a clip; {AGAIN} for a row of its own")

    def _spoilt(self, job: Job, why: str) -> BenchError:
        """Returns the error of a job that will never give a clip of this row, after forgetting it."""
        self.forget(job.prompt_id, job.seed)
        return BenchError(f"{self.server.by}: {why}")

    def _lost(self, job: Job, error: NoAnswer) -> BenchError:
        """Returns the error of a job that was not answered for; one that the server does not know is forgotten."""
        if error.status not in (404, 410):
            return error
        gone = f"expected the job {self.server.shown(job.id)}, which this server no longer has"
        return self._spoilt(job, f"{gone}; {AGAIN} to have, and to pay for, another one")

    def _fields(self, inputs: ModelInput) -> dict[str, Any]:
        """Returns the fields of a request without its seed and files."""
        return {
            "model": self.server.model,
            "prompt": text(self.options.renderer, inputs.prompt),
            **self.options.sent,
        }

    def _digest(self, inputs: ModelInput) -> str:
        """Returns 12 hex digits of a digest of a request, files included, without its seed."""
        given = {"image": inputs.image, "audio": inputs.audio}
        digests = {part: file_digest(one.path) for part, one in given.items() if one is not None}
        return short_digest(json.dumps([self._fields(inputs), digests], sort_keys=True).encode())


def _setting(value: Any) -> Setting:
    """Returns an option as a plan can hold it: structures as JSON."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value, sort_keys=True)
