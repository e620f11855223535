"""Units of work over a Ray cluster, where a worker or a node may be lost in the middle.

The caller runs on a node of the cluster. Every node has the same packages and weights; nothing else is shared: what
units name of the run folder and the suite is fetched from the caller's node, and clips and arrays come back to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from jova_bench.arrays import Arrays
from jova_bench.cache import DiskCache, FeatureCache, peek
from jova_bench.errors import BenchError, reason_of
from jova_bench.execution.base import ATTEMPTS, Answer, Lost, Report, Setup, Unit, Worker, answered, close, dispatch
from jova_bench.execution.copies import Copies
from jova_bench.execution.processes import THREAD_VARIABLES

END_S = 60.0
"""For an orderly end."""
VARIABLES = "JOVA_"
"""Environment variables that begin so are the caller's in every worker."""


@dataclass(frozen=True)
class Cluster:
    """What Ray has."""

    home: Any
    """Handle of the actor `_Home`."""
    cpus: int
    gpus: int
    memory_bytes: int
    device_name: str
    """How many nodes, and which GPUs."""


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Joins the Ray cluster that RAY_ADDRESS names or this machine belongs to; without one, a local one is started.

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
        home = _actor(_Home, num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here).remote()
        has = ray.cluster_resources()
        kinds = sorted(key.partition(":")[2] for key in has if key.startswith("accelerator_type:"))
        nodes = sum(node["Alive"] for node in ray.nodes())
        name = ", ".join([f"Ray on {nodes} node{'s' if nodes > 1 else ''}", *kinds])
        # The actor ends with its last handle.
        yield Cluster(home, int(has.get("CPU", 1)), int(has.get("GPU", 0)), int(has.get("memory", 0)), name)
    finally:
        if ours:
            ray.shutdown()


@dataclass(frozen=True)
class Ray:
    """Answers units in actors of one core each."""

    cluster: Cluster
    workers: int
    gpus: float = 0
    """Share of a GPU that each gets; 0 for none."""
    limit_s: float | None = field(default=None, compare=False)
    """Seconds after which a worker that does not answer a unit is ended; None for never."""

    def map(
        self, units: Sequence[Unit], setup: Setup[Unit, Answer], attempts: int = ATTEMPTS
    ) -> Iterator[tuple[Unit, Answer | Lost]]:
        """As `Executor.map`; workers that the cluster has no room for wait, and no unit waits for them."""
        return dispatch(units, _Crew(self, setup), self.workers, attempts, self.limit_s)


def _actor(kind: type, **options: Any) -> Any:
    import ray

    return ray.remote(kind).options(**options)


@dataclass(frozen=True)
class _Crew:
    """Starts actors and waits for what they owe."""

    of: Ray
    setup: Setup[Any, Any]
    begins_at_once = False

    def start(self, number: int) -> _Actor:
        variables = {name: value for name, value in os.environ.items() if name.startswith(VARIABLES)}
        variables |= dict.fromkeys(THREAD_VARIABLES, "1")
        actor = _actor(_Remote, num_cpus=1, num_gpus=self.of.gpus, runtime_env={"env_vars": variables})
        # Ray shows each worker its own GPU alone.
        place = Away("cuda:0" if self.of.gpus else "cpu", self.of.cluster.home, Path.cwd())
        return _Actor(actor.remote(self.setup, place))

    def wait(self, workers: Sequence[Worker[Any]], timeout_s: float | None) -> list[Report]:
        import ray

        by_debt = {worker.owed: worker for worker in workers if isinstance(worker, _Actor)}
        ray.wait(list(by_debt), num_returns=1, timeout=timeout_s)
        ready, _ = ray.wait(list(by_debt), num_returns=len(by_debt), timeout=0)
        return [by_debt[debt].report() for debt in ready]


class _Actor:
    """The caller's side of a worker."""

    def __init__(self, actor: Any) -> None:
        self.actor, self.owed = actor, actor.begin.remote()

    def give(self, unit: Any) -> None:
        self.owed = self.actor.answer.remote(unit)

    def report(self) -> Report:
        import ray

        try:
            alive, answer = ray.get(self.owed)
        except ray.exceptions.RayError as error:
            # Its process or node died, maybe after it had answered.
            return Report(self, Lost(f"worker lost ({type(error).__name__})"), alive=False)
        return Report(self, answer, alive)

    def stop(self, busy: bool) -> None:
        import ray

        if not busy:
            ray.wait([self.actor.end.remote()], timeout=END_S)
        ray.kill(self.actor)


class _Remote:
    """The worker's side."""

    def __init__(self, setup: Setup[Any, Any], place: Away) -> None:
        self.setup, self.place = setup, place

    def begin(self) -> tuple[bool, Lost | None]:
        """Builds what answers."""
        try:
            self.answers = self.setup(self.place)
        except Exception as error:
            return False, Lost(reason_of(error))
        return True, None

    def answer(self, unit: Any) -> tuple[bool, Any]:
        """Answers one unit."""
        return True, answered(self.answers, unit)

    def end(self) -> None:
        """Leaves nothing behind."""
        close(self.answers)
        self.place.close()


class _Home:
    """An actor on the caller's node that reads its files and keeps its cache."""

    def read(self, path: Path) -> bytes:
        """A file's content."""
        return path.read_bytes()

    def stored(self, folder: Path, digest: str, extractor: str) -> Arrays | None:
        """Arrays of the cache in a folder, or None."""
        return peek(DiskCache(folder), digest, extractor)

    def keep(self, folder: Path, digest: str, extractor: str, arrays: Arrays) -> None:
        """Puts arrays into it."""
        DiskCache(folder).get(digest, extractor, lambda: arrays)


class Away:
    """A worker that may be on another machine than the caller."""

    def __init__(self, device: str, home: Any, folder: Path) -> None:
        """Copies nothing yet.

        Args:
            device: of the worker.
            home: handle of the actor `_Home`.
            folder: of the caller, which its relative paths begin with.
        """
        self.device, self._home, self._folder = device, home, folder
        self._copies: Copies | None = None

    def file(self, path: Path) -> Path:
        """A copy of the file, fetched when it is first asked for."""
        self._copies = self._copies or Copies(self._fetched)
        return self._copies.get(self._folder / path)

    def cache(self, folder: Path) -> FeatureCache:
        """The caller's cache, asked over the network."""
        return _RemoteCache(self._home, self._folder / folder)

    def close(self) -> None:
        """Removes the copies."""
        if self._copies is not None:
            self._copies.close()

    def _fetched(self, path: Path) -> bytes:
        import ray

        return cast(bytes, ray.get(self._home.read.remote(path)))


@dataclass(frozen=True)
class _RemoteCache:
    """A `DiskCache` on another machine."""

    home: Any
    folder: Path

    def get(self, digest: str, extractor: str, compute: Callable[[], Arrays]) -> Arrays:
        """Returns the stored arrays, or computes, stores and returns them."""
        import ray

        stored = ray.get(self.home.stored.remote(self.folder, digest, extractor))
        if stored is not None:
            return cast(Arrays, stored)
        arrays = compute()
        ray.get(self.home.keep.remote(self.folder, digest, extractor, arrays))
        return arrays
