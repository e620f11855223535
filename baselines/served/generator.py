"""A served model as a `Generator` of the harness: plan, identity, and what a clip is ordered by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jova_baselines.external.inputs import ModelInput, files, model_input
from jova_baselines.external.render import text
from jova_baselines.served.client import Stated, VideoServer
from jova_baselines.served.jobs import Job, Jobs, new_key
from jova_baselines.served.options import ServedOptions
from jova_baselines.served.orders import Orders
from jova_baselines.served.protocol import body
from jova_bench.digests import file_digest, short_digest
from jova_bench.errors import BenchError, Refused, Unavailable
from jova_bench.files.writing import check_writable
from jova_bench.ids import safe_id
from jova_bench.models.base import Generated, Plan, Setting
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite


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
            "model": self.server.model,
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
        """Keeps jobs in a folder, under the model's name. Raises BenchError where nothing can be written."""
        check_writable(folder / self.name)
        self.jobs = Jobs(folder / self.name)

    def asked_for(self, prompt_id: str, seed: int) -> bool:
        """Returns whether a job of a clip was created, whose answer is not recorded."""
        return self.jobs is not None and self.jobs.has(prompt_id, seed)

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
            version=self.stated.version,
            prompt_id=inputs.prompt.id,
            seed=seed,
            request=self._digest(inputs),
            key=new_key(),
        )

        def request(job: Job) -> tuple[bytes, str]:
            fields = {**self._fields(inputs), "seed": job.seed}
            # A server may refuse a key that comes with another body.
            return body(fields, files(inputs, folder), self.options.encoding, boundary=job.key)

        orders = Orders(self.server, self.options, self.stated, self.route, self.jobs)
        made = orders.made(wanted, request, folder)
        audio = inputs.audio
        aligned = self.options.sound == "driving" and audio is not None and audio.origin == "reference"
        return Generated(
            made.path,
            timing="aligned" if aligned else "free",
            peak_memory_bytes=made.state.peak_memory_bytes,
            seconds=made.seconds,
            timed=made.seconds is not None,
        )

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
