"""Reads checkpoints of other projects without running any code in them."""

from __future__ import annotations

import pickle
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jova_bench.types import Unavailable


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint: safetensors, or a pickle of tensors and plain values and nothing else.

    Raises:
        Unavailable: the file is neither.
    """
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return dict(load_file(path))
    try:
        content = _load(path)
    except Exception as error:
        raise Unavailable(f"weights unreadable: {path} holds more than tensors and plain values ({error})") from error
    if not isinstance(content, dict):
        raise Unavailable(f"weights unreadable: expected a dictionary in {path}, got {type(content).__name__}")
    return content


_PLAIN: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("numpy.core.multiarray", "scalar"): np.float64(0).__reduce__()[0],
    ("numpy._core.multiarray", "scalar"): np.float64(0).__reduce__()[0],
    # Cnn14's checkpoint keeps the order of its training clips in arrays.
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, codec: text.encode("latin1"),  # The bytes of a numpy scalar.
}
"""Everything that a checkpoint may name: none of it does more than to build a value from its arguments."""


class _Plain(pickle.Unpickler):
    """Refuses every name but those of tensors and plain values; torch resolves storages before it asks."""

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for."""
        if (module, name) not in _PLAIN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _PLAIN[module, name]


def _load(path: Path) -> Any:
    """A pickle of tensors and plain values.

    torch's own reader knows neither pickle protocol 4 nor numpy's scalars, both of which LAION's files are said to
    have; ours refuses the same things, and nothing that a file says is called before its name was found harmless.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        plain = SimpleNamespace(
            __name__="plain", Unpickler=_Plain, load=lambda file, **options: _Plain(file, **options).load()
        )
        return torch.load(path, map_location="cpu", weights_only=False, pickle_module=plain)


def tensors(path: Path, *inside: str, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a checkpoint by name.

    Args:
        path: the file.
        inside: keys under which the state lies, from the outside in, e.g. `state_dict`.
        prefix: only names that begin with it are kept, without it.
    """
    content: Any = read(path)
    for key in inside:
        if not isinstance(content, Mapping) or key not in content:
            raise Unavailable(f"weights unreadable: expected {key!r} in {path}")
        content = content[key]
    return {
        name.removeprefix(prefix): value
        for name, value in content.items()
        if isinstance(value, Tensor) and name.startswith(prefix)
    }


def fill(net: nn.Module, state: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Gives a network its weights, all of them and no others, ready for inference.

    Raises:
        Unavailable: names or shapes differ; the first few are named.
    """
    try:
        net.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        raise Unavailable(f"weights unreadable: {path} does not fit: {' '.join(str(error).split())[:300]}") from error
    return net.eval().requires_grad_(False)


def part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, named without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def count(state: Mapping[str, Tensor], name: str) -> int:
    """How many numbered children a module has: 12 for `blocks` with `blocks.0.*` to `blocks.11.*`."""
    return len({child.removeprefix(f"{name}.").split(".")[0] for child in state if child.startswith(f"{name}.")})
