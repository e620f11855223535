"""Holds what a plan of a run says: devices, and of each model what it would make, fetch, take and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jova_bench.assets.table import Asset
from jova_bench.models.requirements import PublishedSpeed, Requirements
from jova_bench.tools.measured import Measured

HOUR_S = 3600.0


@dataclass(frozen=True)
class Devices:
    """The devices that a plan is for; they need not be those of this machine."""

    names: tuple[str, ...]
    """`cpu`, or one `cuda:i` for each GPU."""
    called: tuple[str, ...]
    """Names of the processors or GPUs; empty where they are not on this machine."""
    memory_bytes: int | None = None
    """Memory of the smallest GPU; None for processors, and for GPUs that are not on this machine."""

    @property
    def kind(self) -> str:
        """Returns `cpu` or `cuda`."""
        return self.names[0].partition(":")[0]

    def __str__(self) -> str:
        """Returns the devices for display."""
        what = ", ".join(self.called) or "not on this machine"
        return f"{','.join(self.names)} ({what})"


@dataclass(frozen=True)
class ModelPlan:
    """What a run would make of one model."""

    name: str
    asked: str
    """The name in the command."""
    why_not: str | None
    """Why a run here would leave it out, such as weights to fetch; None if it would not."""
    fits: bool
    """Whether any prompt has what it needs, such as an image; what a model without one lacks is not to be fetched."""
    to_make: int
    """Clips that are to be made."""
    made: int
    """Clips that lie in the run folder already."""
    asked_for: int
    """Clips of those to make that an earlier command asked a server for, and that are paid for."""
    off_card: str | None
    """What of the clips is not as the suite's generation card says; None if nothing is."""
    cannot: Mapping[str, tuple[str, ...]]
    """Why it cannot do prompts, with the ids of those prompts; of reasons of one kind the first."""
    formats: Mapping[str, int]
    """Native formats, with the number of prompts of each."""
    requirements: Requirements | None
    """Weights, memory and published times; None for a model that states none."""
    measured: Measured | None
    """What its clips cost in an earlier run."""
    published: PublishedSpeed | None
    """Time of one clip as a public source states it; not used where an earlier run measured."""
    published_fits: bool
    """Whether the published clip has the size and length of every clip that is planned."""
    published_here: bool
    """Whether the devices are those of the published time; so are taken those that are not on this machine."""
    batch_size: int
    """Clips that one device makes in one go."""
    copies: bool
    """Whether it copies or edits files of others, as controls do: that takes no time of a device."""
    at_once: int | None
    """Clips that a server makes at the same time; None for a model that runs on the devices."""
    price_per_clip: float | None
    """Price that the user's table states of a served model."""
    currency: str | None

    @property
    def seconds(self) -> float | None:
        """Seconds per clip, measured or else published of such clips and devices; None where neither is known."""
        if self.measured is not None:
            return self.measured.seconds
        fits = self.published_fits and self.published_here
        return self.published.seconds if self.published is not None and fits else None

    @property
    def estimated(self) -> bool:
        """Whether its hours follow from a published time, maybe of another engine or other steps: they bound none."""
        return bool(self.to_make) and not self.copies and self.measured is None and self.seconds is not None

    @property
    def device_hours(self) -> float | None:
        """Hours of one device for all clips that are to be made; None where the seconds are not known."""
        if not self.to_make or self.copies:
            return 0.0
        return None if self.seconds is None else self.to_make * self.seconds / HOUR_S


@dataclass(frozen=True)
class DryRun:
    """What a run would make, fetch, take and cost; nothing of it was done."""

    suite: str
    prompts: int
    seeds: tuple[int, ...]
    profile: str
    folder: Path
    """Run folder that the command would write."""
    devices: Devices
    workers: int | None
    """Processes that make clips, as the user says; None for one for each GPU, or as many as a server takes clips."""
    price_per_hour: float | None
    """Price of an hour of one device, as the user says."""
    models: tuple[ModelPlan, ...]
    metric_weights: tuple[Asset, ...]
    """Weights of the metrics that are to be fetched; none where nothing is scored."""
    free_bytes: Mapping[Path, int]
    """Free space of the folders of weights and of the run."""

    def hours(self, model: ModelPlan) -> float | None:
        """Returns the hours that a model takes on all devices together; None where its seconds are not known."""
        of_one = model.device_hours
        if not of_one or model.seconds is None:
            return of_one
        # One device makes a batch: others may have none.
        rounds = math.ceil(model.to_make / model.batch_size / self.makers(model))
        return min(of_one, rounds * model.batch_size * model.seconds / HOUR_S)

    def makers(self, model: ModelPlan) -> int:
        """Returns how many batches of a model are made at the same time."""
        devices = len(self.devices.names)
        if self.workers is None:
            return model.at_once or devices
        return max(1, self.workers if model.at_once is not None else min(self.workers, devices))

    def price(self, model: ModelPlan) -> float | None:
        """Returns the price of a model's clips; None where time or price is not known."""
        if model.price_per_clip is not None:
            return (model.to_make - model.asked_for) * model.price_per_clip
        if model.at_once is not None or self.price_per_hour is None or model.device_hours is None:
            return None
        return model.device_hours * self.price_per_hour

    @property
    def clip_bytes(self) -> float:
        """Bytes of the clips that are to be made, of models whose clips an earlier run measured."""
        return sum((one.measured.clip_bytes or 0) * one.to_make for one in self.models if one.measured is not None)

    @property
    def unsized(self) -> tuple[str, ...]:
        """What is to be installed beside weights, whose size no source states."""
        return tuple(f"{what} of {one.name}" for one in self._able for what in _needs(one).unsized)

    @cached_property
    def download(self) -> tuple[int, tuple[str, ...]]:
        """Bytes to fetch for models that fit a prompt, and what of it has no known size."""
        weights = [(one, files) for one in self._able for files in _needs(one).weights if not files.here]
        sizes = {(files.into or one.name, files.name): files.size for one, files in weights}
        sizes |= {("metrics", one.name): one.size for one in self.metric_weights}
        unknown = tuple(name for (_, name), size in sizes.items() if size is None)
        return sum(size or 0 for size in sizes.values()), unknown

    @property
    def _able(self) -> list[ModelPlan]:
        return [one for one in self.models if one.fits]


def _needs(model: ModelPlan) -> Requirements:
    return model.requirements or Requirements()
