"""What a training runs on and reports to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jova.training.distributed import Ranks
from jova.transformer import Jova

Record = Mapping[str, float | str]


@dataclass(frozen=True)
class Machinery:
    """What a training runs on and reports to; what is learnt depends on it by rounding alone."""

    ranks: Ranks = field(default_factory=Ranks)
    checkpointing: bool = False
    """Whether blocks are computed again in the backward pass instead of keeping their activations: less memory."""
    compiled: bool = False
    """Whether blocks are compiled."""
    shards: bool = False
    """Whether checkpoints are folders that any number of ranks can read, instead of a file of one process."""
    peak_flops: float | None = None
    """Operations a second of a device at best; None for what its maker says, where that is known."""
    watch: Callable[[Jova, int], Record] | None = None
    """Called in every rank with the EMA model and the number of steps; what it returns is logged."""
    watch_every: int = 0
    """Steps between two calls of it."""
    report: Callable[[Record], None] | None = None
    """Called in rank 0 with every record of the log."""
