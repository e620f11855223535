"""Takes the features of a set of clips as users have them: an array, a tensor, or a list with those of each clip."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import FloatArray
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.metrics.distances.frechet_kernel import stack


def features_of(given: Any, what: str = "clips", axes: tuple[int, ...] = (2, 3)) -> FloatArray:
    """Returns the features of a set of clips, (n, d) or (n, p, d); an array of numbers stays as it is.

    Args:
        given: an array or a tensor of that shape, or a list, tuple or generator of the (d,) or (p, d) of each clip.
        what: the clips, in messages.
        axes: how many axes the metric takes.

    Raises:
        BenchError: another shape, no numbers, no clip, or a vector with NaN or infinity in it; a clip with fewer than
            p vectors ends in vectors of NaN alone.
    """
    expected = _expected(what, axes)
    array = _array(given, what, expected)
    if array.dtype.kind not in "fiu" or array.ndim not in axes or 0 in array.shape[1:]:
        raise BenchError(f"{expected}, got {_got(array)}")
    finite = np.isfinite(array)
    there = finite.all(axis=-1)  # (n,) or (n, p)
    padding = np.isnan(array).all(axis=-1) if array.ndim == 3 else np.zeros_like(there)
    if not (there | padding).all() or not (there if there.ndim == 1 else there.any(axis=1)).all():
        raise BenchError(f"expected finite features of {what}, got NaN or infinity; leave those clips out")
    return array


def real_features(given: Any) -> FloatArray:
    """Returns the features of one or more real clips, (m, d) or (m, p, d), as float64; raises as `features_of`."""
    array = features_of(given, "real clips")
    if not len(array):
        raise BenchError("expected features of real clips, got none")
    return array.astype(np.float64)


def numpy_of(array: Any) -> npt.NDArray[Any]:
    """Returns an array of a tensor on any device; bfloat16 becomes float32. Raises BenchError for what is no array."""
    torch = sys.modules.get("torch")  # A tensor exists only where torch was imported.
    try:
        if torch is None or not isinstance(array, torch.Tensor):
            return np.asarray(array)
        array = array.detach().cpu()
        # numpy has no bfloat16.
        found: npt.NDArray[Any] = (array.float() if array.dtype == torch.bfloat16 else array).numpy()
    except (TypeError, ValueError) as error:  # A sparse tensor, rows of different lengths.
        raise BenchError(f"expected a dense tensor or an array, got {type(array).__name__}: {error}") from error
    return found


def _array(given: Any, what: str, expected: str) -> npt.NDArray[Any]:
    """Returns what was given as one array: that of each clip stacked where they came one by one."""
    if hasattr(given, "ndim"):
        return numpy_of(given)
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
        raise BenchError(f"{expected}, got {shown(given)}")
    parts = [numpy_of(one) for one in given]
    if not parts:
        raise BenchError(f"{expected}, got none")
    first = parts[0]
    for one in parts:
        if one.dtype.kind not in "fiu" or one.ndim not in (1, 2) or not one.size:
            raise BenchError(f"{expected}, got {_got(one)} among them")
        if (one.ndim, one.shape[-1]) != (first.ndim, first.shape[-1]):
            raise BenchError(f"expected features of {what} of one size, got {first.shape} and {one.shape}")
    return stack(parts)


def _got(array: npt.NDArray[Any]) -> str:
    return shown(array.item()) if array.ndim == 0 else f"{array.dtype} of shape {array.shape}"


def _expected(what: str, axes: tuple[int, ...]) -> str:
    shapes = " or ".join("(n, d)" if one == 2 else "(n, p, d)" for one in axes)
    return f"expected features of {what} as numbers, {shapes}, or a list of what `features` gives of each"
