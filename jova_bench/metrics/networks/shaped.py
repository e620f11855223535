"""Networks whose every width is read from the shapes in a checkpoint, so that a narrow one takes the same path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from jova_bench.errors import Unavailable
from jova_bench.metrics.networks import checkpoint

Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each tensor of a checkpoint, by name."""
Net = TypeVar("Net", bound=nn.Module)


def load(
    build: Callable[[Shapes], Net],
    path: Path,
    device: str,
    *inside: str,
    prefix: str = "",
    rules: Sequence[tuple[str, str]] = (),
    more: bool = False,
) -> Net:
    """Loads a network of the shapes of a checkpoint, with its weights, on a device.

    Args:
        build: makes the network from the checkpoint's shapes.
        path: the file.
        device: where the network runs.
        inside: keys under which the state lies in the file, from the outside in.
        prefix: of the names of this network's tensors, where the file holds others, too.
        rules: how names become those of the network, see `checkpoint.renamed`.
        more: whether the file may hold more than the network needs.

    Raises:
        Unavailable: the file holds something else.
    """
    read = checkpoint.tensors(path, *inside, prefix=prefix)
    state = {checkpoint.renamed(name, rules): value for name, value in read.items()}
    try:
        net = build({name: tuple(value.shape) for name, value in state.items()})
    except (KeyError, IndexError, ValueError) as error:
        raise Unavailable(f"weights unreadable: expected {error} in {path}") from error
    needed = net.state_dict()
    kept = {name: value for name, value in state.items() if name in needed} if more else state
    checkpoint.load_weights(net, kept, path)
    return net.to(device)


@contextmanager
def inference() -> Iterator[None]:
    """Turns off gradients, and on a GPU sets full single precision: its default rounds convolutions to 10 bits."""
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


def linear(shapes: Shapes, name: str) -> nn.Linear:
    """Builds a layer with the widths of its weight."""
    width, channels = shapes[f"{name}.weight"]
    return nn.Linear(channels, width, bias=f"{name}.bias" in shapes)
