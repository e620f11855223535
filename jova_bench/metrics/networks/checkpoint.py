"""Reads checkpoints of other projects without running any code in them."""

from __future__ import annotations

import codecs
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from jova_bench.errors import Unavailable

Value = TypeVar("Value")
MOST_INFLATION = 4
"""Bytes of a pickle's archive for each byte of the file."""


def read(path: Path) -> dict[str, Any]:
    """Reads a checkpoint: safetensors, or a pickle of tensors and plain values and nothing else.

    Raises:
        Unavailable: the file is neither, is broken, or would take far more memory than it has bytes.
    """
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except Exception as error:  # The library's own, and torch's for a type of numbers that it does not know.
            raise Unavailable(
                f"weights unreadable: expected safetensors in {path}, got {_first_line(error)}"
            ) from error
    _check_inflation(path)
    try:
        with torch.serialization.safe_globals(_PLAIN):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        why = _first_line(error)
        raise Unavailable(
            f"weights unreadable: {path} holds more than torch's safe reader takes ({why}); store its tensors as "
            "safetensors with the code that made it, and name that file in your table of assets"
        ) from error
    if not isinstance(content, dict):
        raise Unavailable(f"weights unreadable: expected a dictionary in {path}, got {type(content).__name__}")
    return content


def _first_line(error: Exception) -> str:
    """Returns the first line of an exception; of torch's safe reader, what it refused."""
    lines = str(error).split("WeightsUnpickler error: ")[-1].strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _check_inflation(path: Path) -> None:
    """Refuses an archive that states far more bytes than it has: torch stores tensors uncompressed.

    torch's reader believes the same numbers of the archive's directory, and takes no more memory than they say.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inside = sum(member.file_size for member in archive.infolist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return  # Not an archive, or a broken one, of which torch's reader tells.
    if inside > (most := MOST_INFLATION * path.stat().st_size):
        raise Unavailable(f"weights unreadable: expected at most {most} bytes in the archive {path}, got {inside}")


_SCALAR, _ARRAY = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
_PLAIN: list[Any] = [
    (_SCALAR, "numpy.core.multiarray.scalar"), _SCALAR, (_ARRAY, "numpy.core.multiarray._reconstruct"), _ARRAY,
    np.ndarray, np.dtype, type(np.dtype(np.float64)), type(np.dtype(np.int64)), codecs.encode,
]  # fmt: skip
"""What checkpoints with numpy's scalars and arrays name (LAION's; Cnn14's, which keeps the order of its training
clips), under numpy 1's name and numpy 2's. torch's reader refuses every name that it does not know, before anything
is called."""


def tensors(path: Path, *inside: str, prefix: str = "") -> dict[str, Tensor]:
    """Reads the tensors of a checkpoint, by name.

    Args:
        path: the file.
        inside: keys under which the state lies in a pickle, from the outside in, e.g. `state_dict`; safetensors are
            flat.
        prefix: only names that begin with it are kept, without it.
    """
    content: Any = read(path)
    for key in () if path.suffix == ".safetensors" else inside:
        if not isinstance(content, Mapping) or key not in content:
            raise Unavailable(f"weights unreadable: expected {key!r} in {path}")
        content = content[key]
    return {
        name.removeprefix(prefix): value
        for name, value in content.items()
        if isinstance(value, Tensor) and name.startswith(prefix)
    }


def load_weights(net: nn.Module, state: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Loads weights into a network, all of them and no others, and prepares it for inference.

    Raises:
        Unavailable: names or shapes differ; the first few are named.
    """
    try:
        net.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        raise Unavailable(f"weights unreadable: {path} does not fit: {' '.join(str(error).split())[:300]}") from error
    return net.eval().requires_grad_(False)


def part(state: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """Selects the tensors, or their shapes, whose names begin with a prefix and removes it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def renamed(name: str, rules: Sequence[tuple[str, str]]) -> str:
    """Returns a tensor's name after all rules, each a regular expression and what takes its place, in their order."""
    for old, new in rules:
        name = re.sub(old, new, name)
    return name


def count(state: Mapping[str, Tensor], name: str) -> int:
    """Counts the numbered children of a module: 12 for `blocks` with `blocks.0.*` to `blocks.11.*`."""
    return len({child.removeprefix(f"{name}.").split(".")[0] for child in state if child.startswith(f"{name}.")})
