"""Resolves device names and reports the names of processors and GPUs."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.formatting.doors import option
from jova_bench.formatting.messages import shown


def resolve_device(name: str) -> str:
    """Returns the first device of `resolve_devices`."""
    return resolve_devices(name)[0]


def resolve_devices(name: str) -> tuple[str, ...]:
    """Turns `auto`, `cpu`, `cuda`, `cuda:i` or `cuda:i,cuda:j` into `cpu` or one `cuda:i` for each GPU.

    `cuda` stands for every GPU that this process sees, and `auto` for the same or, where there is none, `cpu`.

    Raises:
        BenchError: no such device on this machine.
    """
    if name == "cpu":
        return (name,)
    if not isinstance(name, str) or not re.fullmatch(r"auto|cuda|cuda:\d+(,cuda:\d+)*", name):
        raise BenchError(f"expected {option('device')} auto, cpu, cuda, cuda:i or cuda:i,cuda:j, got {shown(name)}")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto" and not count:
        return ("cpu",)
    wanted = [int(one.removeprefix("cuda:")) for one in name.split(",")] if ":" in name else range(max(count, 1))
    if max(wanted) >= count:
        there = f"CUDA devices below {count}" if count else "a device of this machine, which shows no GPU"
        raise BenchError(f"expected {there}, got {shown(name)}; cpu and auto work everywhere")
    return tuple(f"cuda:{index}" for index in dict.fromkeys(wanted))


def device_name(device: str) -> str:
    """Returns the name of the processor or GPU."""
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
