"""What a run was asked to do, checked before any work begins."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jova_bench.types import BenchError, Profile

DEFAULT_SUITE = "embedded"


@dataclass(frozen=True)
class Request:
    """The part of a run that is not its models: the same for every model, or their numbers would not compare."""

    profile: Profile
    seeds: tuple[int, ...]
    limit: int | None
    """The first so many prompts of the suite, or None for all."""
    device: str
    """`cpu` or `cuda:i`."""

    def __post_init__(self) -> None:
        if self.profile not in ("embedded", "standard"):
            raise BenchError(f"expected profile embedded or standard, got {self.profile!r}")
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise BenchError(f"expected one or more different seeds of at least 0, got {list(self.seeds)}")
        if self.limit is not None and self.limit < 1:
            raise BenchError(f"expected a limit of at least 1 prompt, got {self.limit}")


def resolve_device(name: str) -> str:
    """Turns `auto`, `cpu`, `cuda` or `cuda:i` into `cpu` or `cuda:i`.

    Raises:
        BenchError: no such device on this machine.
    """
    if name == "cpu":
        return name
    if not re.fullmatch(r"auto|cuda(:\d+)?", name):
        raise BenchError(f"expected device auto, cpu, cuda or cuda:i, got {name!r}")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda:0" if count else "cpu"
    index = int(name.partition(":")[2] or 0)
    if index >= count:
        raise BenchError(f"expected a CUDA device below {count}, got {name!r}; use --device cpu or auto")
    return f"cuda:{index}"
