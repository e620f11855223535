"""Defines what a user asks of a run, and the request that is made of it and checked before any work begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from jova_bench.errors import BenchError
from jova_bench.formatting.doors import option
from jova_bench.formatting.messages import shown
from jova_bench.records import Profile, Sample

if TYPE_CHECKING:
    from jova_bench.assets.table import AssetTable
    from jova_bench.metrics.base import Metric
    from jova_bench.progress import Progress
    from jova_bench.suites.loading import Suite

DEFAULT_SUITE = "embedded"
ANY_PROFILE: Profile = "standard"
"""Judges clips of any origin: the default of `score`, and of a run whose suite names none."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is made and measured of models and a suite, on which device, in which folder."""

    profile: Profile | None = None
    """Which evaluators judge; None for those of the suite, see `profile_of`."""
    metrics: Sequence[str | Metric] | None = None
    """Names (`ls metrics`), or metric objects, with which all are computed in this process; None for all."""
    seeds: Sequence[int] = (0,)
    """One clip per prompt for each."""
    limit: int | None = None
    """The first so many prompts, or None for all."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` (all that there are), `cuda:i` or `cuda:i,cuda:j`."""
    out: str | Path | None = None
    """Run folder; None for `runs/<suite>-<digest>`."""
    scoring: bool = True
    """False stops after generation."""
    executor: str = "processes"
    """`processes` of this machine, or `ray` for a cluster. Objects given as models stay in this process."""
    workers: int | None = None
    """Number of processes, 0 for none; None for one per GPU to make clips (none for one GPU or the CPU, unless a model
    reads files of others), and for one per core to score."""
    retry_answered: bool = False
    """Whether a model is asked again for what it answered without a clip: a refusal, or no clip as planned."""
    strict: bool = False
    """Whether a metric that failed makes the exit code 5, as a sample that failed does."""
    assets: AssetTable | None = None
    """Weights of metrics; None for the table of the environment."""
    progress: Progress | None = None
    """Receives progress; None for nowhere."""


def profile_of(asked: Profile | None, suite: Suite) -> Profile:
    """Returns the profile that was asked for, else the one that the suite names, else the one for any clip."""
    return suite.profile or ANY_PROFILE if asked is None else asked


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
    retry_answered: bool = False
    """Whether models are asked again for what they answered without a clip."""

    def leaves(self, answer: Sample) -> bool:
        """Returns whether the latest answer of a sample stands: it is no clip, and the model is not asked again."""
        asked = self.retry_answered and answer.seed in self.seeds
        return answer.status != "ok" and bool(answer.answered) and not asked

    def __post_init__(self) -> None:
        if self.profile not in get_args(Profile):
            raise BenchError(
                f"expected {option('profile')} {' or '.join(get_args(Profile))}, got {shown(self.profile)}"
            )
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or not all(0 <= one < 2**63 for one in self.seeds):
            raise BenchError(
                f"expected one or more different seeds of at least 0, below 2^63, got {shown(list(self.seeds))}"
            )
        if self.limit is not None and self.limit < 1:
            raise BenchError(f"expected {option('limit')} of at least 1 prompt, got {self.limit}")
