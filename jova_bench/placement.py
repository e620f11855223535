"""Which executor makes clips and which scores them: this process, processes of this machine, or a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jova_bench.config import resolve_devices
from jova_bench.executors import Executor, Here, Local
from jova_bench.limits import memory_bytes
from jova_bench.provenance import device_name
from jova_bench.types import BenchError, Profile
from jova_bench.workers import Processes, available_cores

if TYPE_CHECKING:
    from jova_bench.cluster import Cluster

EXECUTORS = ("processes", "ray")
MAX_ON_GPU = 4
"""Scoring workers that share the memory of a device."""
WORKER_BYTES = 8_000_000_000
"""Memory that a scoring worker of the standard profile may need: the largest evaluator (Whisper large) takes 6 GB."""


@dataclass(frozen=True)
class Placement:
    """Where the work of one command is done."""

    device: str
    """What records say: `cpu`, `cuda:0`, `cuda:0,cuda:1`, or `cuda` for the GPUs of a cluster."""
    device_name: str
    home: Here
    """This process: it plans, compares sets, and works with objects that only it has."""
    generation: Executor
    scoring: Executor
    """One thread in each worker, so that sums are taken in the same order on every machine."""


@contextmanager
def placed(executor: str, device: str, workers: int | None, profile: Profile) -> Iterator[Placement]:
    """Finds the workers of a command, and ends what was started for them.

    Args:
        executor: `processes` or `ray`.
        device: `auto`, `cpu`, `cuda`, `cuda:i` or `cuda:i,cuda:j`; not the latter two on a cluster.
        workers: how many; 0 does everything in this process. None makes clips in one worker per GPU (in this process
            when there is one, or none), and scores with one per core, or as many as have room on the GPUs.
        profile: whose evaluators need room.

    Raises:
        BenchError: there is no such executor or device.
    """
    if executor not in EXECUTORS:
        raise BenchError(f"expected executor {' or '.join(EXECUTORS)}, got {executor!r}")
    if workers is not None and workers < (executor == "ray"):
        raise BenchError(f"expected at least {int(executor == 'ray')} workers, got {workers}")
    if executor == "processes":
        yield _on_machine(resolve_devices(device), workers, profile)
        return
    if device not in ("auto", "cpu", "cuda"):
        raise BenchError(f"expected device auto, cpu or cuda on a cluster, got {device!r}; Ray deals out its GPUs")
    from jova_bench.cluster import cluster

    with cluster() as has:
        if device == "cuda" and not has.gpus:
            raise BenchError("expected a cluster with GPUs, got one without; use --device cpu or auto")
        yield _on_cluster(has, device, workers, profile)


def _on_machine(devices: tuple[str, ...], workers: int | None, profile: Profile) -> Placement:
    home = Here(devices[0])
    makers = workers if workers is not None else len(devices) if len(devices) > 1 else 0
    judges = workers if workers is not None else judge_count(devices, profile, available_cores(), memory_bytes())
    return Placement(
        device=",".join(devices),
        device_name=", ".join(dict.fromkeys(map(device_name, devices))),
        home=home,
        generation=Processes(devices, makers, maker_threads(makers)) if makers else Local(home),
        scoring=Processes(devices, judges, threads=1) if judges else Local(home, threads=1),
    )


def _on_cluster(has: Cluster, device: str, workers: int | None, profile: Profile) -> Placement:
    from jova_bench.cluster import Ray

    gpus = 0 if device == "cpu" else has.gpus
    devices = tuple(f"cuda:{index}" for index in range(gpus)) or ("cpu",)
    judges = workers or judge_count(devices, profile, has.cpus, has.memory_bytes)
    return Placement(
        device="cuda" if gpus else "cpu",
        device_name=has.device_name,
        home=Here("cpu"),  # The caller's node may have no GPU.
        generation=Ray(has, workers or gpus or has.cpus, gpus=1 if gpus else 0),
        scoring=Ray(has, judges, gpus=1 / MAX_ON_GPU if gpus else 0),
    )


def judge_count(devices: tuple[str, ...], profile: Profile, cores: int, memory: int) -> int:
    """As many scoring workers as there are cores, or as have room for a copy of the largest evaluator."""
    if devices[0] != "cpu":
        return min(cores, MAX_ON_GPU * len(devices))
    return min(cores, max(1, memory // WORKER_BYTES)) if profile == "standard" else cores


def maker_threads(workers: int) -> int:
    """Threads of each process that makes clips: OMP_NUM_THREADS, or its share of the cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else max(1, available_cores() // workers)
