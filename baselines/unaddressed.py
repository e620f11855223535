"""Models that are named with an address, in listings without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jova_bench.errors import Unavailable
from jova_bench.models.base import Generated, Plan
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import Suite


class Unaddressed:
    """A kind of model, without what its address would name."""

    batch_size = 1
    needs: tuple[str, ...] = ()

    def __init__(self, name: str, lacks: Callable[[], str]) -> None:
        """Takes the name of the kind and what says how to write an address."""
        self.name, self.check = name, lacks

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Raises Unavailable: there is no model."""
        raise Unavailable(self.check())

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Raises Unavailable: there is no model."""
        raise Unavailable(self.check())
