"""Limits the memory of a decoded clip, so that no small file fills the memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown

VARIABLE = "JOVA_BENCH_MAX_CLIP_GB"
SHARE = 4
"""A clip may take 1 / SHARE of the memory: what metrics derive from it is once or twice its size."""
LEAST_BYTES = 4_000_000_000
"""Size that may be read on any machine: 10 s of 1080p at 60 frames a second are 3.7 GB."""
LOWEST_HZ, HIGHEST_HZ = 4_000, 384_000
"""Half a telephone's rate, and the highest that recorders write; a file with another rate is broken."""
FRAMES_PER_S, SAMPLES_PER_S = 25, 48_000
"""Lowest rates in the estimate: metrics resample clips to rates of their own, so a slow clip's length counts, too."""


class OverLimit(ValueError):
    """Raised for a clip that takes more memory than this machine, or its user, allows."""


@dataclass
class Decoded:
    """Counts the size of a decoded clip, as far as known."""

    limit: int
    """Limit in bytes."""
    width: int = 0
    height: int = 0
    frames: int = 0
    picture_s: Fraction = Fraction(0)
    channels: int = 0
    samples: int = 0
    rate_hz: int = 0

    @property
    def bytes(self) -> int:
        """Returns the bytes of 8-bit RGB frames and 32-bit samples."""
        frames = max(self.frames, int(self.picture_s * FRAMES_PER_S))
        samples = max(self.samples, self.samples * SAMPLES_PER_S // (self.rate_hz or SAMPLES_PER_S))
        return frames * self.height * self.width * 3 + samples * self.channels * 4

    def check(self) -> None:
        """Raises OverLimit for a clip over the limit, and ValueError for impossible sampling rates."""
        if self.rate_hz and not LOWEST_HZ <= self.rate_hz <= HIGHEST_HZ:
            raise ValueError(f"expected sound of {LOWEST_HZ} to {HIGHEST_HZ} Hz, got {self.rate_hz} Hz")
        if self.bytes <= self.limit:
            return
        has = []
        if self.frames:
            has.append(f"{self.width} x {self.height}, {self.frames} frames in {float(self.picture_s):.1f} s")
        if self.samples:
            seconds = self.samples / (self.rate_hz or 1)
            has.append(f"{self.channels} channels, {seconds:.1f} s at {self.rate_hz} Hz")
        raise OverLimit(
            f"expected at most {self.limit / 1e9:.3g} GB decoded, got {self.bytes / 1e9:.3g} GB or more "
            f"({'; '.join(has)}); set {VARIABLE}"
        )


def max_clip_bytes() -> int:
    """Returns the limit of a decoded clip in bytes: `$JOVA_BENCH_MAX_CLIP_GB`, else a quarter of the memory or 4 GB."""
    stated = os.environ.get(VARIABLE)
    if not stated:
        return max(memory_bytes() // SHARE, LEAST_BYTES)
    try:
        limit = int(float(stated) * 1e9)
    except (ValueError, OverflowError):
        limit = 0
    if limit <= 0:
        raise BenchError(f"expected a number of gigabytes above 0 in {VARIABLE}, got {shown(stated)}")
    return limit


def available_bytes() -> int:
    """Returns the bytes of main memory that nothing else needs now; all of it where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # No Linux.
        return memory_bytes()
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return min([*found, memory_bytes()])


def memory_bytes() -> int:
    """Returns the bytes of main memory of this machine, or of this container where that has less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # No control groups here, or no limit ("max").
        return machine
