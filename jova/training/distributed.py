"""Splits a training over the processes that torchrun starts; a training in one process is one of a single rank.

Weights are sharded by FSDP2 (`fully_shard`): each rank holds its slice of every weight, of its EMA and of AdamW's
state, and gathers a block's weights while it computes that block. A batch is split into equal slices, so that the mean
of the ranks' gradients is the gradient of the batch.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.utils.checkpoint import checkpoint

from jova.config import Precision
from jova.files import locked
from jova.training.arithmetic import arithmetic
from jova.transformer import Jova

PATIENCE = timedelta(hours=2)
"""Time that ranks wait for one another: one of them may score samples meanwhile."""


LOCK = ".training.lock"
"""File that is locked in the folder of a training while it runs."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a training, as one of them sees them."""

    index: int = 0
    """Number of this process, from 0."""
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes logs and models."""
        return self.index == 0

    def slices(self, batch: int, accumulate: int = 1) -> list[slice]:
        """Returns the examples of a batch that this rank computes, in the parts that it takes one after the other.

        Raises:
            ValueError: the batch can't be split into equal parts.
        """
        size, rest = divmod(batch, self.count * accumulate)
        if rest or not size:
            raise ValueError(
                f"expected a batch that {self.count} ranks with {accumulate} parts each can split evenly, got {batch}; "
                f"use a multiple of {self.count * accumulate}"
            )
        starts = [(part * self.count + self.index) * size for part in range(accumulate)]
        return [slice(start, start + size) for start in starts]

    def mean(self, values: Tensor) -> Tensor:
        """Returns the mean of each rank's values."""
        return values if self.count == 1 else self.total(values) / self.count

    def total(self, values: Tensor) -> Tensor:
        """Returns the sum of each rank's values."""
        if self.count > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def agree(self, value: bool) -> bool:
        """Returns what rank 0 says, to all of them."""
        return bool(self.total(torch.tensor(float(value and self.leads), device=self.device)) > 0)

    def wait(self) -> None:
        """Waits until every rank has come here."""
        if self.count > 1:
            dist.barrier()


@contextmanager
def joined(device: str | None) -> Iterator[Ranks]:
    """Yields this process's place among those that torchrun started; alone without torchrun.

    Args:
        device: cpu, cuda or cuda:i; None for cuda where there is a GPU. With several ranks each has a GPU of its own.

    Raises:
        ValueError: there is no such device.
    """
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    count, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    if count > 1 and kind.startswith("cuda:"):
        raise ValueError(f"expected cuda or cpu for {count} ranks, each with a GPU of its own, got {kind}")
    place = torch.device(f"cuda:{local}" if kind == "cuda" else kind)
    if place.type == "cuda":
        # Alike in every rank of this machine, so that all say what is wrong.
        wanted, gpus = (
            max((place.index or 0) + 1, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))),
            torch.cuda.device_count(),
        )
        if wanted > gpus:
            raise ValueError(f"expected {wanted} GPUs in this machine, got {gpus}; use fewer ranks or --device cpu")
        torch.cuda.set_device(place)
    if count == 1:
        yield Ranks(device=place)
        return
    kind, own = ("nccl", place) if place.type == "cuda" else ("gloo", None)
    dist.init_process_group(kind, timeout=PATIENCE, device_id=own)
    try:
        yield Ranks(dist.get_rank(), count, place)
    finally:
        dist.destroy_process_group()


@contextmanager
def alone(out: Path, ranks: Ranks) -> Iterator[None]:
    """Keeps other trainings out of a folder, which it makes where it is missing.

    Raises:
        ValueError: in every rank, another training runs there.
    """
    out.mkdir(parents=True, exist_ok=True)
    with locked(out / LOCK, wait=False) if ranks.leads else nullcontext(True) as ours:
        if not ranks.agree(ours):
            raise ValueError(
                f"expected no other training in {out}, got one that runs there; wait for its end, or name another "
                "folder as out"
            )
        yield


def place(
    model: Jova, ranks: Ranks, precision: Precision, *, checkpointing: bool = False, compiled: bool = False
) -> None:
    """Moves a model to its device, split over the ranks.

    With bfloat16, several ranks gather weights in it and sum gradients in float32; what each rank holds, and what the
    optimiser moves, stays float32.

    Args:
        model: with equal weights in every rank.
        ranks: the processes.
        precision: of activations.
        checkpointing: whether blocks are computed again in the backward pass instead of keeping their activations.
        compiled: whether blocks are compiled.
    """
    blocks: list[nn.Module] = list(model.blocks)
    for block in blocks:
        # The forward pass alone, so that weights are gathered before it and freed after it.
        forward = torch.compile(block.forward) if compiled else block.forward
        if checkpointing:
            # The kernel of attention of the forward pass, too, which saves other tensors than another one.
            contexts = partial(_contexts, precision, ranks.device.type)
            forward = partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)
        block.forward = forward
    if ranks.count == 1:
        model.to(ranks.device)
        return
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    # The outputs of the model are views, and nothing here writes into them.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
    mesh = init_device_mesh(ranks.device.type, (ranks.count,))
    # Inputs are not cast: times and positions need more than the eight bits of bfloat16. Autocast casts factors.
    policy = (
        MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False)
        if precision == "bfloat16"
        else MixedPrecisionPolicy()
    )
    for module in (*blocks, model):
        fully_shard(module, mesh=mesh, mp_policy=policy)


def _contexts(precision: Precision, device: str) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Returns what a checkpointed forward pass and its recomputation run in, beside the context of their call."""
    return nullcontext(), arithmetic(precision, device)


def whole(tensors: Mapping[str, Tensor], ranks: Ranks) -> dict[str, Tensor]:
    """Gathers sharded tensors on the CPU of rank 0, one after the other; empty in the other ranks."""
    gathered = {}
    for name, tensor in tensors.items():
        value = full(tensor)
        if ranks.leads:
            gathered[name] = value.detach().cpu()
    return gathered


def full(tensor: Tensor) -> Tensor:
    """Returns a tensor whose parts ranks may hold; every rank has to ask for it."""
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
