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
    """`cpu`, `cuda:i`, several of these with commas between them, or `cuda` for those of a cluster."""
    device_name: str = ""
    """Of the processor or the GPUs."""

    def __post_init__(self) -> None:
        if self.profile not in ("embedded", "standard"):
            raise BenchError(f"expected profile embedded or standard, got {self.profile!r}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or not all(0 <= one < 2**63 for one in self.seeds):
            raise BenchError(f"expected one or more different seeds of at least 0, below 2^63, got {list(self.seeds)}")
        if self.limit is not None and self.limit < 1:
            raise BenchError(f"expected a limit of at least 1 prompt, got {self.limit}")


def resolve_device(name: str) -> str:
    """The first of `resolve_devices`."""
    return resolve_devices(name)[0]


def resolve_devices(name: str) -> tuple[str, ...]:
    """Turns `auto`, `cpu`, `cuda`, `cuda:i` or `cuda:i,cuda:j` into `cpu` or one `cuda:i` for each GPU.

    `cuda` stands for every GPU that this process sees, and `auto` for the same or, where there is none, `cpu`.

    Raises:
        BenchError: no such device on this machine.
    """
    if name == "cpu":
        return (name,)
    if not re.fullmatch(r"auto|cuda|cuda:\d+(,cuda:\d+)*", name):
        raise BenchError(f"expected device auto, cpu, cuda, cuda:i or cuda:i,cuda:j, got {name!r}")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto" and not count:
        return ("cpu",)
    wanted = [int(one.removeprefix("cuda:")) for one in name.split(",")] if ":" in name else range(max(count, 1))
    if max(wanted) >= count:
        raise BenchError(f"expected CUDA devices below {count}, got {name!r}; use --device cpu or auto")
    return tuple(f"cuda:{index}" for index in dict.fromkeys(wanted))
