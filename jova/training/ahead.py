"""Makes what the next step needs while a GPU computes this one: clips are read and noise is drawn by the CPU."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Calls a function of a step's number one step ahead, in a thread; its errors are raised at their own step."""

    def __init__(self, make: Callable[[int], T]) -> None:
        """Sets the function, which depends on the number alone."""
        self.make, self.pool = make, ThreadPoolExecutor(1)
        self.next: tuple[int, Future[T]] | None = None

    def __call__(self, step: int) -> T:
        """Returns what the function returns for a step."""
        held, self.next = self.next, None
        made = held[1].result() if held is not None and held[0] == step else self.make(step)
        self.next = step + 1, self.pool.submit(self.make, step + 1)
        return made
