"""Where independent units of work are done: in this process, in processes of this machine, or on a cluster.

A unit is a batch of prompts or a clip to score. Its answer depends on the unit alone, so units may be answered anywhere
and in any order, and one whose worker died is given to another. What cannot be answered is an answer, too: `Lost`.
Workers never write records: they hand back what they made, and the caller keeps it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from jova_bench.cache import DiskCache, FeatureCache
from jova_bench.errors import BenchError, reason_of

Unit = TypeVar("Unit")
Answer = TypeVar("Answer")
UnitIn = TypeVar("UnitIn", contravariant=True)

ATTEMPTS = 3
"""How often a unit is given to a worker; the first death may have been the machine's fault, the third is the unit's."""

LIMIT_VARIABLE = "JOVA_BENCH_UNIT_LIMIT_S"
LIMIT_S = 3600.0
"""What a clip may take in all metrics of one network, as a sample of an external model may: optical flow of ten seconds
of 1080p on one core is half of it. A unit that is never answered is ended by it, and tried again as if its worker had
died."""


@dataclass(frozen=True)
class Lost:
    """Stands for the answer of a unit that has none: its worker died, or raised an exception."""

    reason: str


class Place(Protocol):
    """Where a worker is, and how it gets at what lies with the caller."""

    @property
    def device(self) -> str:
        """`cpu` or `cuda:i`, as models and metrics get it."""
        ...

    def file(self, path: Path) -> Path:
        """A file of the caller's machine as it can be opened here; another call may take its copy away."""
        ...

    def cache(self, folder: Path) -> FeatureCache:
        """The caller's cache of extracted arrays."""
        ...


@dataclass(frozen=True)
class Here:
    """A worker on the caller's machine."""

    device: str

    def file(self, path: Path) -> Path:
        """The file itself."""
        return path

    def cache(self, folder: Path) -> FeatureCache:
        """The cache itself: several processes may share it."""
        return DiskCache(folder)


Setup = Callable[[Place], Callable[[Unit], Answer]]
"""Called once in every worker, it builds what answers units; where that has a method `close`, it is called at the end.
Picklable, and importable by name, unless units are answered in this process."""


class Executor(Protocol):
    """What answers units."""

    def map(
        self, units: Sequence[Unit], setup: Setup[Unit, Answer], attempts: int = ATTEMPTS
    ) -> Iterator[tuple[Unit, Answer | Lost]]:
        """Yields every unit once with its answer, in the order in which they are finished.

        Args:
            units: picklable, unless they are answered in this process.
            setup: builds what answers them.
            attempts: how often a unit is tried before it is lost to the deaths of its workers.
        """
        ...


@dataclass(frozen=True)
class Local:
    """Answers units in this process, in their order."""

    place: Place
    threads: int | None = None
    """Of torch while it lasts; None leaves them as they are."""

    def map(
        self, units: Sequence[Unit], setup: Setup[Unit, Answer], attempts: int = ATTEMPTS
    ) -> Iterator[tuple[Unit, Answer | Lost]]:
        """As `Executor.map`; nobody can die here but the caller."""
        if not units:
            return
        with _torch_threads(self.threads):
            answer = setup(self.place)
            try:
                for unit in units:
                    yield unit, answered(answer, unit)
            finally:
                close(answer)


def answered(answer: Callable[[Unit], Answer], unit: Unit) -> Answer | Lost:
    """One answer; an exception loses this unit and no other."""
    try:
        return answer(unit)
    except Exception as error:
        return Lost(reason_of(error))


def close(answer: Any) -> None:
    """Lets go of what a worker holds."""
    getattr(answer, "close", lambda: None)()


@contextmanager
def _torch_threads(count: int | None) -> Iterator[None]:
    """Sums are taken in the same order wherever torch has as many threads; afterwards it is as it was."""
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


class Worker(Protocol[UnitIn]):
    """One worker of a crew."""

    def give(self, unit: UnitIn) -> None:
        """Hands over one unit. A worker that is gone is told of by `Crew.wait`."""
        ...

    def stop(self, busy: bool) -> None:
        """Ends it: in order, or in the middle of a unit."""
        ...


@dataclass(frozen=True)
class Report:
    """What became of the last thing a worker was asked."""

    worker: Worker[Any]
    answer: Any
    """Of its unit; a new worker reports without one when it can take its first."""
    alive: bool = True
    """Whether it can be given another unit."""


class Crew(Protocol):
    """Workers of one kind: what `dispatch` needs of processes and of a cluster."""

    begins_at_once: bool
    """Whether a worker that was started works: one of a cluster may wait long for room."""

    def start(self, number: int) -> Worker[Any]:
        """Starts a worker, which reports when it is ready.

        Args:
            number: of its seat, from 0; a worker that died is replaced by one of the same number.
        """
        ...

    def wait(self, workers: Sequence[Worker[Any]], timeout_s: float | None) -> Sequence[Report]:
        """Waits until one or more of these have something to report, and gives all that there is.

        It may be nothing, and is when the time is over.
        """
        ...


@dataclass
class _Seat(Generic[Unit]):
    number: int
    unit: Unit | None
    """None while its worker is starting."""
    tries: int = 0
    since: float | None = None
    """When its worker began what it is doing; None while that may be waiting for room."""


def dispatch(
    units: Sequence[Unit],
    crew: Crew,
    size: int,
    attempts: int = ATTEMPTS,
    limit_s: float | None = None,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Unit, Any | Lost]]:
    """Gives units to the workers of a crew: one each at a time, those of the dead once more to others.

    A worker that dies before its first unit costs the next unit a try, or a setup that always fails would go on for
    ever.

    Args:
        units: in the order in which they are begun.
        crew: starts workers and hears of them.
        size: how many at once.
        attempts: how often a unit is tried.
        limit_s: seconds after which a worker that does not answer is ended; None for never.
        now: tells the time in seconds.
    """

    def started(number: int) -> None:
        seats[crew.start(number)] = _Seat(number, None, since=now() if crew.begins_at_once else None)

    left = deque((unit, 0) for unit in units)
    seats: dict[Worker[Any], _Seat[Unit]] = {}
    try:
        for number in range(min(size, len(left))):
            started(number)
        while left or any(seat.unit is not None for seat in seats.values()):
            for report in _reports(crew, seats, limit_s, now):
                seat = seats.pop(report.worker)
                unit, answer = seat.unit, report.answer
                if not report.alive:
                    report.worker.stop(busy=True)
                    unit, answer = _buried(seat, answer, left, attempts)
                    if left:
                        started(seat.number)
                elif left:
                    seats[report.worker] = _Seat(seat.number, *left.popleft(), since=now())
                    report.worker.give(seats[report.worker].unit)
                else:
                    report.worker.stop(busy=False)
                if unit is not None:
                    yield unit, answer
    finally:
        for worker in seats:
            worker.stop(busy=True)


def _buried(seat: _Seat[Any], why: Lost, left: deque[tuple[Any, int]], attempts: int) -> tuple[Any | None, Lost]:
    """The unit that is lost with a worker; None where it is tried again."""
    unit, tries = seat.unit, seat.tries + 1
    if unit is None and left:
        unit, before = left.popleft()
        tries = before + 1
    if unit is not None and tries < attempts:
        left.append((unit, tries))
        return None, why
    return unit, Lost(f"{why.reason}, {attempts} times") if attempts > 1 else why


def _reports(
    crew: Crew, seats: Mapping[Worker[Any], _Seat[Any]], limit_s: float | None, now: Callable[[], float]
) -> list[Report]:
    """What workers say, and that of those who have said nothing for too long."""
    since = [seat.since for seat in seats.values() if seat.since is not None]
    wait_s = None if limit_s is None or not since else max(0.0, min(since) + limit_s - now())
    reports = list(crew.wait(tuple(seats), wait_s))
    if limit_s is None:
        return reports
    heard, moment = {report.worker for report in reports}, now()
    late = [
        worker
        for worker, seat in seats.items()
        if worker not in heard and seat.since is not None and moment - seat.since >= limit_s
    ]
    why = Lost(f"no answer within {limit_s:g} s ({LIMIT_VARIABLE})")
    return [*reports, *(Report(worker, why, alive=False) for worker in late)]


def unit_limit_s() -> float:
    """Seconds that a unit of scoring may take: `$JOVA_BENCH_UNIT_LIMIT_S`, else an hour."""
    said = os.environ.get(LIMIT_VARIABLE)
    if not said:
        return LIMIT_S
    try:
        limit = float(said)
    except ValueError:
        limit = 0.0
    if not 0 < limit < float("inf"):
        raise BenchError(f"expected a number of seconds above 0 in {LIMIT_VARIABLE}, got {said!r}")
    return limit
