"""Distributes tasks over a pool of workers, and gives those of dead workers to others."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from jova_bench.errors import BenchError
from jova_bench.execution.base import ATTEMPTS, Task, TaskFailed
from jova_bench.formatting.messages import shown

TaskIn = TypeVar("TaskIn", contravariant=True)

LIMIT_VARIABLE = "JOVA_BENCH_UNIT_LIMIT_S"
LIMIT_S = 3600.0
"""Time that a clip may take in all metrics of one network, as long as a sample of an external model may take: optical
flow of ten seconds of 1080p on one core needs half of it. The worker of a task that takes longer is killed, and the
task is tried again as if its worker had died."""


class Worker(Protocol[TaskIn]):
    """Runs one task at a time, as one worker of a pool."""

    def give(self, task: TaskIn) -> None:
        """Sends one task. If the worker is dead, `WorkerPool.wait` reports it."""
        ...

    def stop(self, busy: bool) -> None:
        """Ends the worker: in order, or in the middle of a task if `busy`."""
        ...


@dataclass(frozen=True)
class WorkerEvent:
    """Outcome of a worker's last request."""

    worker: Worker[Any]
    result: Any
    """Result of its task; None from a new worker that is ready for its first task."""
    alive: bool = True
    """Whether the worker can take another task."""


class WorkerPool(Protocol):
    """Starts workers of one kind and waits for their events, as `dispatch` needs it of processes and of a cluster."""

    begins_at_once: bool
    """Whether a worker runs as soon as it is started; on a cluster it may wait long for resources."""

    def start(self, number: int) -> Worker[Any]:
        """Starts a worker, which sends an event when it is ready.

        Args:
            number: index of its slot, from 0; a worker that died is replaced by one of the same number.
        """
        ...

    def wait(self, workers: Sequence[Worker[Any]], timeout_s: float | None) -> Sequence[WorkerEvent]:
        """Waits until at least one of these workers has an event, and returns all events.

        May return none, and does so when the time is over.
        """
        ...


@dataclass
class Slot(Generic[Task]):
    """Holds the current task of one worker of a pool."""

    number: int
    task: Task | None
    """None while the worker is starting."""
    tries: int = 0
    since: float | None = None
    """Time at which the worker began its task, in seconds; None while it may be waiting for resources."""


def dispatch(
    tasks: Sequence[Task],
    pool: WorkerPool,
    size: int,
    attempts: int = ATTEMPTS,
    limit_s: float | None = None,
    now: Callable[[], float] = time.monotonic,
    begun: Callable[[Task], None] | None = None,
) -> Iterator[tuple[Task, Any | TaskFailed]]:
    """Distributes tasks over the workers of a pool, one task per worker at a time, and retries those of dead workers.

    If a worker dies during start-up, the next task is charged one attempt, so that a set-up that always fails
    terminates.

    Args:
        tasks: in the order in which they are started.
        pool: starts workers and waits for their events.
        size: number of workers.
        attempts: how often a task is tried.
        limit_s: seconds after which a worker without a result is killed; None for never.
        now: returns the time in seconds.
        begun: called with a task each time that it is given to a worker.
    """

    def start(number: int) -> None:
        slots[pool.start(number)] = Slot(number, None, since=now() if pool.begins_at_once else None)

    left = deque((task, 0) for task in tasks)
    slots: dict[Worker[Any], Slot[Task]] = {}
    try:
        for number in range(min(size, len(left))):
            start(number)
        while left or any(slot.task is not None for slot in slots.values()):
            for event in _events(pool, slots, limit_s, now):
                slot = slots.pop(event.worker)
                task, result = slot.task, event.result
                if not event.alive:
                    event.worker.stop(busy=True)
                    task, result = _retry_or_fail(slot, result, left, attempts)
                    if left:
                        start(slot.number)
                elif left:
                    given, tries = left.popleft()
                    slots[event.worker] = Slot(slot.number, given, tries, since=now())
                    if begun is not None:
                        begun(given)
                    event.worker.give(given)
                else:
                    event.worker.stop(busy=False)
                if task is not None:
                    yield task, result
    finally:
        for worker in slots:
            worker.stop(busy=True)


def _retry_or_fail(
    slot: Slot[Any], failure: TaskFailed, left: deque[tuple[Any, int]], attempts: int
) -> tuple[Any | None, TaskFailed]:
    """Returns the task that fails with its worker, or None where it is tried again, and the failure."""
    task, tries = slot.task, slot.tries + 1
    if task is None and left:
        task, before = left.popleft()
        tries = before + 1
    if task is not None and tries < attempts:
        left.append((task, tries))
        return None, failure
    return task, TaskFailed(f"{failure.reason}, {attempts} times") if attempts > 1 else failure


def _events(
    pool: WorkerPool, slots: Mapping[Worker[Any], Slot[Any]], limit_s: float | None, now: Callable[[], float]
) -> list[WorkerEvent]:
    """Waits for events of workers; a worker over its time limit is given an event that ends it."""
    since = [slot.since for slot in slots.values() if slot.since is not None]
    wait_s = None if limit_s is None or not since else max(0.0, min(since) + limit_s - now())
    events = list(pool.wait(tuple(slots), wait_s))
    if limit_s is None:
        return events
    reported, moment = {event.worker for event in events}, now()
    late = [
        worker
        for worker, slot in slots.items()
        if worker not in reported and slot.since is not None and moment - slot.since >= limit_s
    ]
    failure = TaskFailed(f"no answer within {limit_s:g} s ({LIMIT_VARIABLE})")
    return [*events, *(WorkerEvent(worker, failure, alive=False) for worker in late)]


def task_limit_s() -> float:
    """Returns the seconds that a scoring task may take: `$JOVA_BENCH_UNIT_LIMIT_S`, or an hour.

    Raises:
        BenchError: the variable is not a number above 0.
    """
    text = os.environ.get(LIMIT_VARIABLE)
    if not text:
        return LIMIT_S
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise BenchError(f"expected a number of seconds above 0 in {LIMIT_VARIABLE}, got {shown(text)}")
    return limit
