"""Random checkpoints in the format of other projects, the same on every machine.

Parity is proven without weights: outside this repository the upstream code was given the checkpoint that `fake_state`
makes of its own names and shapes, and a fixed input; what it answered is in `tests/parity/data`. Here our code loads
the same checkpoint and must give the same numbers.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from jova_bench.assets.records import sha256_of

DATA = Path(__file__).parents[1] / "parity" / "data"


def fake(shape: Sequence[int], name: str) -> torch.Tensor:
    """Normal numbers that depend on a name and a shape alone (numpy's legacy stream never changes)."""
    stream = np.random.RandomState(zlib.crc32(name.encode()))
    return torch.from_numpy(stream.standard_normal(tuple(shape)).astype(np.float32))


def fake_pictures(shape: Sequence[int], name: str) -> np.ndarray:
    """(*shape, 3) uint8: such numbers around the middle grey."""
    return (fake((*shape, 3), name).numpy() * 40 + 128).clip(0, 255).astype(np.uint8)


def fake_state(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """Weights that keep activations in range: unit gain for matrices, scales near 1, small biases."""
    state = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
        elif name.endswith("running_var"):
            state[name] = 1 + 0.2 * fake(shape, name).abs()
        elif len(shape) >= 2:
            state[name] = fake(shape, name) / np.sqrt(np.prod(shape[1:]))
        elif name.endswith("weight"):
            state[name] = 1 + 0.1 * fake(shape, name)
        else:
            state[name] = 0.1 * fake(shape, name)
    return state


def own_table(folder: Path, files: Mapping[str, Path]) -> str:
    """Path of a user's table of assets (`--assets`) in which these files stand for the published ones."""
    rows = (f'[{name}]\nfile = "{file}"\nsha256 = "{sha256_of(file)}"\n' for name, file in files.items())
    table = folder / "own.toml"
    table.write_text("".join(rows))
    return str(table)


def parity(name: str) -> dict[str, object]:
    """What upstream answered: `tests/parity/data/NAME.json`."""
    return json.loads((DATA / f"{name}.json").read_text())
