"""Runs independent tasks in this process, in processes of this machine, or on a cluster.

A task is a batch of prompts or a clip to score. Its result depends on the task alone, so tasks may run anywhere and in
any order, and a task whose worker died is given to another worker. A task without a result yields `TaskFailed`.
Workers never write records: they return what they made, and the caller stores it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from jova_bench.cache import DiskCache, FeatureCache
from jova_bench.errors import reason_of

Task = TypeVar("Task")
TaskResult = TypeVar("TaskResult")
TaskIn = TypeVar("TaskIn", contravariant=True)

ATTEMPTS = 3
"""How often a task is given to a worker: the first death may be the machine's fault, the third is the task's."""


@dataclass(frozen=True)
class TaskFailed:
    """Takes the place of a task's result: its worker died, or the task raised an exception."""

    reason: str


class WorkerContext(Protocol):
    """Gives a worker its device and access to the caller's files and cache."""

    @property
    def device(self) -> str:
        """Returns `cpu` or `cuda:i`, as models and metrics expect it."""
        ...

    def file(self, path: Path) -> Path:
        """Returns a local path to a file of the caller's machine; a later call may remove the copy."""
        ...

    def cache(self, folder: Path) -> FeatureCache:
        """Returns the caller's cache of extracted arrays."""
        ...


@dataclass(frozen=True)
class LocalContext:
    """Describes a worker on the caller's machine."""

    device: str

    def file(self, path: Path) -> Path:
        """Returns the path itself."""
        return path

    def cache(self, folder: Path) -> FeatureCache:
        """Returns the cache itself, which several processes may share."""
        return DiskCache(folder)


WorkerInit = Callable[[WorkerContext], Callable[[Task], TaskResult]]
"""Initialiser, called once in every worker: returns the function that runs tasks. If that function has a method
`close`, it is called at the end. Picklable, and importable by name, unless tasks run in this process."""


class Executor(Protocol):
    """Runs tasks."""

    def map(
        self,
        tasks: Sequence[Task],
        init: WorkerInit[Task, TaskResult],
        attempts: int = ATTEMPTS,
        begun: Callable[[Task], None] | None = None,
    ) -> Iterator[tuple[Task, TaskResult | TaskFailed]]:
        """Yields every task once with its result, in the order in which they finish.

        Args:
            tasks: picklable, unless they run in this process.
            init: returns the function that runs them.
            attempts: how often a task whose worker dies is tried before it fails.
            begun: called with a task when it is given to a worker, and when it is given to another.
        """
        ...


@dataclass(frozen=True)
class Local:
    """Runs tasks in this process, in their order."""

    context: WorkerContext
    threads: int | None = None
    """Number of torch threads while tasks run; None leaves it unchanged."""

    def map(
        self,
        tasks: Sequence[Task],
        init: WorkerInit[Task, TaskResult],
        attempts: int = ATTEMPTS,
        begun: Callable[[Task], None] | None = None,
    ) -> Iterator[tuple[Task, TaskResult | TaskFailed]]:
        """Runs tasks in-process; a crash takes the caller with it."""
        if not tasks:
            return
        with _torch_threads(self.threads):
            run = init(self.context)
            try:
                for task in tasks:
                    if begun is not None:
                        begun(task)
                    yield task, run_task(run, task)
            finally:
                close(run)


def run_task(run: Callable[[Task], TaskResult], task: Task) -> TaskResult | TaskFailed:
    """Runs one task and returns its result; an exception fails this task alone."""
    try:
        return run(task)
    except Exception as error:
        return TaskFailed(reason_of(error))


def close(run: Any) -> None:
    """Releases the worker's resources, if it has a `close` method."""
    getattr(run, "close", lambda: None)()


@contextmanager
def _torch_threads(count: int | None) -> Iterator[None]:
    """Sets the number of torch threads, which fixes the order of sums, and restores it afterwards."""
    if count is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
