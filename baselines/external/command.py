"""A baseline run through the upstream's command line: one command per batch, which loads the model every time.

For upstreams that cannot be called from Python, and to verify workers: the same plan and seed on the path that the
upstream's authors use. Output is collected from its own folder, by the upstream's file names.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from jova_baselines.external import descendants, home
from jova_baselines.external.generator import Baseline
from jova_baselines.external.inputs import ModelInput, files
from jova_baselines.external.job import Job, Planner
from jova_baselines.external.log import copy_to_log
from jova_baselines.external.manifest import Manifest, Options
from jova_baselines.external.process import POLL_S, environment, tail
from jova_bench.errors import BenchError, reason_of
from jova_bench.models.base import Generated
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite


@dataclass(frozen=True)
class BatchItem:
    """One sample of a batch for a command."""

    inputs: ModelInput
    job: Job
    files: Mapping[str, str]
    """Paths of its input files, under the names that the worker would get."""


class CommandLine(Protocol):
    """Interface of the module `command.py` of a baseline."""

    def together(self, items: Sequence[BatchItem]) -> bool:
        """Returns whether one command can generate all of a batch; otherwise each item gets its own command."""
        ...

    def arguments(
        self, items: Sequence[BatchItem], seed: int, folder: Path, weights: Path, options: Options
    ) -> list[str]:
        """Returns the arguments after the interpreter.

        Writes the files that the command reads to `folder`; the command writes to `folder / "out"`.
        """
        ...

    def made(self, items: Sequence[BatchItem], seed: int, folder: Path, options: Options) -> list[Path]:
        """Returns the expected file of each sample."""
        ...


class CommandBaseline(Baseline):
    """A baseline whose upstream command is run for every batch."""

    batch_size = 8

    def __init__(self, name: str, manifest: Manifest, planner: Planner, device: str, line: CommandLine) -> None:
        """Sets up a `Baseline` under its own name.

        Args:
            name: of the model; differs from the worker's.
            manifest: as in `Baseline`.
            planner: as in `Baseline`.
            device: as in `Baseline`.
            line: writes the command and finds its output.
        """
        super().__init__(manifest, planner, device)
        self.name, self.line = name, line

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated | Exception]:
        """Generates a batch by one command, or by one per sample if they cannot share it."""
        with TemporaryDirectory(prefix=f"{self.name}-", ignore_cleanup_errors=True) as folder:
            items = [self._item(prompt, suite, Path(folder) / f"inputs{k}") for k, prompt in enumerate(prompts)]
            groups = [items] if self.line.together(items) else [[item] for item in items]
            for k, group in enumerate(groups):
                yield from self._make(group, seed, Path(folder) / f"command{k}")

    def _make(self, items: Sequence[BatchItem], seed: int, folder: Path) -> Iterator[Generated | Exception]:
        """Runs one command and yields its samples; for a missing one, the reason is how the command ended."""
        where = home.of(self.manifest)
        (folder / "out").mkdir(parents=True)
        started = time.monotonic()
        arguments = self.line.arguments(items, seed, folder, where.weights.resolve(), self.options)
        ended = self._run([str(where.python), *arguments], len(items))
        seconds = (time.monotonic() - started) / len(items)
        for item, path in zip(items, self.line.made(items, seed, folder, self.options), strict=True):
            if path.is_file():
                made = self.clip(item.inputs, item.job, folder, {"file": str(path.relative_to(folder))})
                yield replace(made, seconds=seconds)
            else:
                yield BenchError(f"the command left no clip: {ended}")

    def _item(self, prompt: Prompt, suite: Suite, folder: Path) -> BatchItem:
        """Writes the input files of one sample."""
        folder.mkdir()
        inputs, job = self.request(prompt, suite)
        return BatchItem(inputs, job, files(inputs, folder))

    def _run(self, command: Sequence[str], samples: int) -> str:
        """Runs a command in the checkout; returns how it ended. Kills the processes that it left."""
        where, recipe, limits = home.of(self.manifest), self.manifest.environment, self.manifest.limits
        variables = environment(recipe.variables if recipe else {}, self.device, where.python)
        log = where.log_file(self.name, self.device)
        log.parent.mkdir(parents=True, exist_ok=True)
        reading, output = os.pipe()
        writing = copy_to_log(reading, log)
        try:
            process = subprocess.Popen(
                command,
                cwd=where.checkout,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise BenchError(f"cannot start {command[0]}: {reason_of(error)}") from error
        finally:
            os.close(output)
        seconds = limits.start_timeout_s + samples * limits.sample_timeout_s
        try:
            ended = f"it ended with {process.wait(seconds)}"
        except subprocess.TimeoutExpired:
            ended = f"it was killed after {seconds:g} s"
        finally:
            # Remaining processes would go on, and hold the log open.
            descendants.kill(descendants.of(process.pid))
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            writing.join(POLL_S)
        return ended + tail(log)
