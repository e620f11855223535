"""Chooses the executors that generate and score clips: this process, processes of this machine, or a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from jova_bench.errors import BenchError
from jova_bench.execution.base import Executor, Local, LocalContext
from jova_bench.execution.devices import device_name, resolve_devices
from jova_bench.execution.pool import task_limit_s
from jova_bench.execution.processes import Processes, available_cores
from jova_bench.formatting.doors import option
from jova_bench.formatting.messages import shown
from jova_bench.media.limits import max_clip_bytes, memory_bytes

if TYPE_CHECKING:
    from jova_bench.execution.ray import Cluster

READER_BYTES = 500_000_000
"""Memory of a process that reads clips, without the clip."""
EXECUTORS = ("processes", "ray")
MAX_ON_GPU = 4
"""Maximum number of scoring workers that share a GPU."""
USABLE = 0.8
"""Usable share of a memory; the rest is for other processes and for what cannot be foreseen."""
WORKER_BYTES = 1_000_000_000
"""Memory of a scoring worker without its clip and large networks: interpreter, torch, small networks, a batch."""
CLIP_COPIES = 1.25
"""Memory for a decoded clip, relative to its size: the clip, and what metrics derive from its audio and some frames."""
CLUSTER_GPU_BYTES = 40_000_000_000
"""Assumed memory of a cluster's GPUs, which the caller cannot query."""


@dataclass(frozen=True)
class ScoringWorkers:
    """Holds the executor that scores clips and the memory that each of its workers has for networks."""

    executor: Executor
    room_bytes: int
    """Memory for the networks that a worker keeps loaded at once."""


@dataclass(frozen=True)
class Placement:
    """Holds the executors of one command."""

    device: str
    """Device as recorded: `cpu`, `cuda:0`, `cuda:0,cuda:1`, or `cuda` for the GPUs of a cluster."""
    device_name: str
    local: LocalContext
    """This process: it plans, compares sets, and works with objects that only it has."""
    generation: Executor
    reading: Executor
    """Executor for models that read third-party files: never this process, unless everything runs in it."""
    inspection: Executor
    """Executor on the caller's machine for models that return or edit third-party files: a file that crashes its reader
    crashes a worker."""
    waiting: Callable[[int], Executor]
    """Chooses the executor on the caller's machine for models that a server runs, by how many clips it is asked for at
    the same time: each is waited for, and its file read, in a process of its own."""
    scoring: Callable[[int, int], ScoringWorkers]
    """Chooses the scoring workers for the bytes of the largest decoded clip and of the largest network. Each worker has
    one thread, so that sums are taken in the same order on every machine."""


def check_executor(executor: str, workers: int | None) -> None:
    """Checks the name of an executor and its number of workers. Raises BenchError."""
    if executor not in EXECUTORS:
        raise BenchError(f"expected {option('executor')} {' or '.join(EXECUTORS)}, got {shown(executor)}")
    if workers is not None and workers < (executor == "ray"):
        raise BenchError(f"expected at least {int(executor == 'ray')} workers, got {workers}")


@contextmanager
def placed(executor: str, device: str, workers: int | None) -> Iterator[Placement]:
    """Chooses the executors of a command, and shuts down what was started for them.

    Args:
        executor: `processes` or `ray`.
        device: `auto`, `cpu`, `cuda`, `cuda:i` or `cuda:i,cuda:j`; not the latter two on a cluster.
        workers: number of workers; 0 runs everything in this process. None generates clips in one worker per GPU (in
            this process when there is one, or none), and scores with one per core, or as many as fit into memory.

    Raises:
        BenchError: there is no such executor or device.
    """
    check_executor(executor, workers)
    if executor == "processes":
        yield _on_machine(resolve_devices(device), workers)
        return
    if device not in ("auto", "cpu", "cuda"):
        raise BenchError(
            f"expected {option('device')} auto, cpu or cuda on a cluster, got {shown(device)}; Ray deals out its GPUs"
        )
    from jova_bench.execution.ray import cluster

    with cluster() as has:
        if device == "cuda" and not has.gpus:
            raise BenchError(f"expected a cluster with GPUs, got one without; use {option('device', 'cpu')} or auto")
        yield _on_cluster(has, device, workers)


def _on_machine(devices: tuple[str, ...], workers: int | None) -> Placement:
    local = LocalContext(devices[0])
    makers = workers if workers is not None else len(devices) if len(devices) > 1 else 0

    def scoring(clip_bytes: int, network_bytes: int) -> ScoringWorkers:
        room = Room(len(devices), available_cores(), memory_bytes(), device_bytes(devices), clip_bytes)
        count = workers if workers is not None else room.workers(network_bytes)
        executor = Processes(devices, count, threads=1, limit_s=task_limit_s()) if count else Local(local, threads=1)
        return ScoringWorkers(executor, room.for_networks(count or 1))

    making = Processes(devices, makers, maker_threads(makers)) if makers else Local(local)
    return Placement(
        device=",".join(devices),
        device_name=", ".join(dict.fromkeys(map(device_name, devices))),
        local=local,
        generation=making,
        reading=Processes(devices, 1, threads=None) if workers is None and not makers else making,
        inspection=Local(local) if workers == 0 else _inspection(workers),
        waiting=lambda count: Local(local) if workers == 0 else _waiting(workers or count),
        scoring=scoring,
    )


def _on_cluster(has: Cluster, device: str, workers: int | None) -> Placement:
    from jova_bench.execution.ray import Ray

    gpus = 0 if device == "cpu" else has.gpus

    def scoring(clip_bytes: int, network_bytes: int) -> ScoringWorkers:
        room = Room(gpus or 1, has.cpus, has.memory_bytes, CLUSTER_GPU_BYTES if gpus else None, clip_bytes)
        count = workers or room.workers(network_bytes)
        executor = Ray(has, count, gpus=1 / MAX_ON_GPU if gpus else 0, limit_s=task_limit_s())
        return ScoringWorkers(executor, room.for_networks(count))

    making = Ray(has, workers or gpus or has.cpus, gpus=1 if gpus else 0)
    return Placement(
        device="cuda" if gpus else "cpu",
        device_name=has.device_name,
        local=LocalContext("cpu"),  # The caller's node may have no GPU.
        generation=making,
        reading=making,
        inspection=_inspection(None),  # Ray counts the workers of the cluster.
        waiting=_waiting,
        scoring=scoring,
    )


def device_bytes(devices: tuple[str, ...]) -> int | None:
    """Returns the memory of the smallest of some GPUs; None for the CPU, which uses the machine's."""
    if devices[0] == "cpu":
        return None
    import torch

    return min(torch.cuda.get_device_properties(device).total_memory for device in devices)


@dataclass(frozen=True)
class Room:
    """Computes how many scoring workers fit: decoded clips lie in the machine's memory, networks there or on GPUs."""

    devices: int
    cores: int
    memory: int
    """Memory of the machine in bytes."""
    device_memory: int | None
    """Memory of each GPU in bytes; None without GPUs."""
    clip: int
    """Size of the largest decoded clip in bytes."""

    def workers(self, network: int) -> int:
        """Returns the number of workers: one per core, or as many as fit with a clip and `network` bytes each."""
        here = WORKER_BYTES + CLIP_COPIES * self.clip
        if self.device_memory is None:
            return min(self.cores, self._times(self.memory, here + network))
        on_each = min(MAX_ON_GPU, self._times(self.device_memory, WORKER_BYTES + network))
        return min(self.cores, self.devices * on_each, self._times(self.memory, here + network))

    def for_networks(self, workers: int) -> int:
        """Returns the bytes that networks may take together in each of `workers` workers."""
        if self.device_memory is None:
            free = USABLE * self.memory / workers - WORKER_BYTES - CLIP_COPIES * self.clip
        else:
            free = USABLE * self.device_memory / ceil(workers / self.devices) - WORKER_BYTES
        return max(0, int(free))

    @staticmethod
    def _times(memory: int, each: float) -> int:
        """Returns how often `each` fits into a memory, at least once: what is too large is tried all the same."""
        return max(1, int(USABLE * memory / each))


def _inspection(workers: int | None) -> Executor:
    """Returns an executor of one reader per core, or as many as fit with the largest clip that may be read."""
    room = max(1, memory_bytes() // (max_clip_bytes() + READER_BYTES))
    return Processes(("cpu",), workers or min(available_cores(), room), threads=1, limit_s=task_limit_s())


def _waiting(count: int) -> Executor:
    """Returns an executor of processes that wait for a server, and kill none: its jobs may take hours."""
    return Processes(("cpu",), count, threads=1)


def maker_threads(workers: int) -> int:
    """Returns the threads of each process that generates clips: OMP_NUM_THREADS, or its share of the cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else max(1, available_cores() // workers)
