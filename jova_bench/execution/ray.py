"""Runs tasks on a Ray cluster, where a worker or a node may be lost at any time.

The caller runs on a node of the cluster. Every node has the same packages and weights, but no shared file system: files
of the run folder and the suite that tasks name are fetched from the caller's node, and clips and arrays are sent to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from jova_bench.arrays import Arrays
from jova_bench.cache import CacheKey, DiskCache, FeatureCache, peek
from jova_bench.errors import BenchError, reason_of
from jova_bench.execution.base import ATTEMPTS, Task, TaskFailed, TaskResult, WorkerInit, close, run_task
from jova_bench.execution.copies import Copies
from jova_bench.execution.pool import Worker, WorkerEvent, dispatch
from jova_bench.execution.processes import THREAD_VARIABLES

END_S = 60.0
"""Time that a worker has for an orderly end."""
VARIABLES = "JOVA_"
"""Prefix of the environment variables that every worker takes from the caller."""


@dataclass(frozen=True)
class Cluster:
    """Holds the resources of the Ray cluster and a handle to the file-serving actor."""

    files: Any
    """Handle of the actor `FileServer`."""
    cpus: int
    gpus: int
    memory_bytes: int
    device_name: str
    """Number of nodes, and kinds of GPUs."""


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Joins the Ray cluster that RAY_ADDRESS names or this machine belongs to, or starts a local one.

    Raises:
        BenchError: Ray is not installed or cannot be reached.
    """
    try:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
    except ImportError as error:
        raise BenchError("not installed: ray; pip install 'jova-bench[ray]' on every node") from error
    ours = not ray.is_initialized()
    if ours:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            # What workers print would mix with the summary on stdout; Ray keeps it in its logs.
            ray.init(log_to_driver=False, include_dashboard=False)
        except Exception as error:  # Ray raises plain ones, too.
            raise BenchError(f"expected a Ray cluster, got {reason_of(error)}; see `ray status`") from error
    try:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        files = _actor(FileServer, num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here).remote()
        has = ray.cluster_resources()
        kinds = sorted(key.partition(":")[2] for key in has if key.startswith("accelerator_type:"))
        nodes = sum(node["Alive"] for node in ray.nodes())
        name = ", ".join([f"Ray on {nodes} node{'s' if nodes > 1 else ''}", *kinds])
        # The actor ends with its last handle. Ray tells of lost nodes on stdout, where the summary belongs.
        with redirect_stdout(sys.stderr):
            yield Cluster(files, int(has.get("CPU", 1)), int(has.get("GPU", 0)), int(has.get("memory", 0)), name)
    finally:
        if ours:
            ray.shutdown()


@dataclass(frozen=True)
class Ray:
    """Runs tasks in actors of one core each."""

    cluster: Cluster
    workers: int
    gpus: float = 0
    """Share of a GPU that each worker gets; 0 for none."""
    limit_s: float | None = field(default=None, compare=False)
    """Seconds after which a worker without a result is killed; None for never."""

    def map(
        self,
        tasks: Sequence[Task],
        init: WorkerInit[Task, TaskResult],
        attempts: int = ATTEMPTS,
        begun: Callable[[Task], None] | None = None,
    ) -> Iterator[tuple[Task, TaskResult | TaskFailed]]:
        """Runs tasks as `Executor.map` does; workers without resources stay pending, and no task waits for them."""
        return dispatch(tasks, _ActorPool(self, init), self.workers, attempts, self.limit_s, begun=begun)


def _actor(kind: type, **options: Any) -> Any:
    import ray

    return ray.remote(kind).options(**options)


@dataclass(frozen=True)
class _ActorPool:
    """Starts actors and waits for their replies."""

    of: Ray
    init: WorkerInit[Any, Any]
    begins_at_once = False

    def start(self, number: int) -> _ActorWorker:
        variables = {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}
        variables |= dict.fromkeys(THREAD_VARIABLES, "1")
        actor = _actor(_RemoteWorker, num_cpus=1, num_gpus=self.of.gpus, runtime_env={"env_vars": variables})
        # Ray shows each worker its own GPU alone.
        context = RemoteContext("cuda:0" if self.of.gpus else "cpu", self.of.cluster.files, Path.cwd())
        return _ActorWorker(actor.remote(self.init, context))

    def wait(self, workers: Sequence[Worker[Any]], timeout_s: float | None) -> list[WorkerEvent]:
        import ray

        by_debt = {worker.owed: worker for worker in workers if isinstance(worker, _ActorWorker)}
        # One at a time: an answer holds the clips of a batch, and the others wait in Ray's store, which spills to disk.
        ready, _ = ray.wait(list(by_debt), num_returns=1, timeout=timeout_s)
        return [by_debt[debt].event() for debt in ready]


class _ActorWorker:
    """Controls a worker from the caller's side."""

    def __init__(self, actor: Any) -> None:
        self.actor, self.owed = actor, actor.begin.remote()

    def give(self, task: Any) -> None:
        self.owed = self.actor.answer.remote(task)

    def event(self) -> WorkerEvent:
        import ray

        try:
            alive, answer = ray.get(self.owed)
        except ray.exceptions.RayError as error:
            # Its process or node died, maybe after it had answered.
            return WorkerEvent(self, TaskFailed(f"worker lost ({type(error).__name__})"), alive=False)
        return WorkerEvent(self, answer, alive)

    def stop(self, busy: bool) -> None:
        import ray

        if not busy:
            ray.wait([self.actor.end.remote()], timeout=END_S)
        ray.kill(self.actor)


class _RemoteWorker:
    """Runs tasks on a node of the cluster."""

    def __init__(self, init: WorkerInit[Any, Any], context: RemoteContext) -> None:
        self.init, self.context = init, context

    def begin(self) -> tuple[bool, TaskFailed | None]:
        """Calls the initialiser; returns whether it succeeded, and the failure."""
        try:
            self.answers = self.init(self.context)
        except Exception as error:
            return False, TaskFailed(reason_of(error))
        return True, None

    def answer(self, task: Any) -> tuple[bool, Any]:
        """Runs one task."""
        return True, run_task(self.answers, task)

    def end(self) -> None:
        """Releases the worker's resources and copies."""
        close(self.answers)
        self.context.close()


class FileServer:
    """Serves the files and the cache of the caller's node, as an actor."""

    def read(self, path: Path) -> bytes:
        """Returns the content of a file."""
        return path.read_bytes()

    def stored(self, folder: Path, digest: str, extractor: CacheKey | str) -> Arrays | None:
        """Returns cached arrays, or None."""
        return peek(DiskCache(folder), digest, extractor)

    def keep(self, folder: Path, digest: str, extractor: CacheKey | str, arrays: Arrays) -> None:
        """Stores arrays in the cache."""
        DiskCache(folder).get(digest, extractor, lambda: arrays)


class RemoteContext:
    """Gives a worker on any node access to the caller's files and cache."""

    def __init__(self, device: str, files: Any, folder: Path) -> None:
        """Copies no file yet.

        Args:
            device: device of the worker.
            files: handle of the actor `FileServer`.
            folder: the caller's working directory, which resolves relative paths.
        """
        self.device, self._files, self._folder = device, files, folder
        self._copies: Copies | None = None

    def file(self, path: Path) -> Path:
        """Returns a copy of the file, fetched on first use."""
        self._copies = self._copies or Copies(self._fetched)
        return self._copies.get(self._folder / path)

    def cache(self, folder: Path) -> FeatureCache:
        """Returns the caller's cache, accessed over the network."""
        return _RemoteCache(self._files, self._folder / folder)

    def close(self) -> None:
        """Removes the copies."""
        if self._copies is not None:
            self._copies.close()

    def _fetched(self, path: Path) -> bytes:
        import ray

        return cast(bytes, ray.get(self._files.read.remote(path)))


@dataclass(frozen=True)
class _RemoteCache:
    """Reads and writes a `DiskCache` on another machine."""

    files: Any
    folder: Path

    def get(self, digest: str, extractor: CacheKey | str, compute: Callable[[], Arrays]) -> Arrays:
        """Returns the stored arrays, or computes, stores and returns them."""
        import ray

        stored = ray.get(self.files.stored.remote(self.folder, digest, extractor))
        if stored is not None:
            return cast(Arrays, stored)
        arrays = compute()
        ray.get(self.files.keep.remote(self.folder, digest, extractor, arrays))
        return arrays
