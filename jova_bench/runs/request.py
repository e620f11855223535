"""Defines and checks the request of a run before any work begins."""

from __future__ import annotations

from dataclasses import dataclass

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.records import Profile

DEFAULT_SUITE = "embedded"


@dataclass(frozen=True)
class Request:
    """The part of a run that is not its models: the same for every model, or their numbers would not compare."""

    profile: Profile
    seeds: tuple[int, ...]
    limit: int | None
    """The first so many prompts of the suite, or None for all."""
    device: str
    """`cpu`, `cuda:i`, several of these with commas between them, or `cuda` for those of a cluster."""
    device_name: str = ""
    """Name of the processor or the GPUs."""

    def __post_init__(self) -> None:
        if self.profile not in ("embedded", "standard"):
            raise BenchError(f"expected profile embedded or standard, got {shown(self.profile)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or not all(0 <= one < 2**63 for one in self.seeds):
            raise BenchError(
                f"expected one or more different seeds of at least 0, below 2^63, got {shown(list(self.seeds))}"
            )
        if self.limit is not None and self.limit < 1:
            raise BenchError(f"expected a limit of at least 1 prompt, got {self.limit}")
