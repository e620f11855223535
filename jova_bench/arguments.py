"""Checks what a user gives to the Python interface, so that a mistake is one line and no traceback of ours."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jova_bench.arrays import FloatArray
from jova_bench.errors import BenchError, Unavailable, Undefined
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import OUTSIDE, ClipMetric, SetMetric, in_domain
from jova_bench.metrics.distances.frechet_kernel import stack
from jova_bench.suites.clips import clips_in
from jova_bench.suites.loading import Suite, load_suite

if TYPE_CHECKING:
    from jova_bench.metrics.torch_inputs import Array

PathLike = str | os.PathLike[str]
AnyMetric = ClipMetric | SetMetric


def several(value: Any) -> list[Any]:
    """Makes one thing a list of one, a sequence a list."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def models_of(value: Any) -> list[Any]:
    """Returns names of models and objects that generate. Raises BenchError for anything else."""
    found = several(value)
    for one in found:
        if not isinstance(one, str) and not (hasattr(one, "name") and hasattr(one, "generate")):
            raise BenchError(
                f"expected names of models, or objects with the interface of `Generator`, got {one!r}; "
                "`list_models()` shows them"
            )
    return found


def metrics_of(value: Any) -> list[Any] | None:
    """Returns names of metrics and metric objects, None for None. Raises BenchError for anything else."""
    if value is None:
        return None
    found = several(value)
    for one in found:
        if not isinstance(one, str) and not hasattr(one, "spec"):
            raise BenchError(f"expected names of metrics, or metrics, got {one!r}; `list_metrics()` shows them")
    return found


def seeds_of(value: Any) -> list[int]:
    """Returns whole numbers of one or several. Raises BenchError for anything else."""
    return [whole("seeds", one) for one in several(value)]


def whole(name: str, value: Any) -> int:
    """Returns an argument as a whole number: of Python, numpy or torch. Raises BenchError for anything else."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise BenchError(f"expected {name}= as a whole number, got {value!r}") from None


def whole_or_none(name: str, value: Any) -> int | None:
    """Returns `whole` of an argument, None for None."""
    return None if value is None else whole(name, value)


def path_of(name: str, value: Any) -> Path:
    """Returns an argument as a path. Raises BenchError for what is none."""
    if not isinstance(value, str | os.PathLike):
        raise BenchError(f"expected {name} as a path, got {value!r}")
    return Path(value)


def suite_of(value: Any) -> Suite:
    """Returns a suite as it is; loads one of a name or a path. Raises BenchError for anything else."""
    if isinstance(value, Suite):
        return value
    if not isinstance(value, str | os.PathLike):
        raise BenchError(f"expected the name of one suite, a path or a Suite, got {value!r}; see `list_suites()`")
    return load_suite(os.fspath(value))


def reference_features(built: SetMetric, reference: PathLike | Iterable[Clip] | Array, drawn: bool) -> Array:
    """Returns (m, d) or (m, p, d) features of real clips: those of a folder, clips, or features already."""
    if hasattr(reference, "ndim"):
        features = cast("Array", reference)
        if features.ndim not in (2, 3) or not len(features):
            raise BenchError(f"expected features (m, d) or (m, p, d) of real clips, got {tuple(features.shape)}")
        return features
    if isinstance(reference, str | os.PathLike):
        clips: Iterable[Any] = map(media.read, clips_in(Path(reference)))
    elif isinstance(reference, Iterable):
        clips = reference
    else:
        raise BenchError(f"expected a folder of real clips, clips or their features, got {reference!r}")
    found = [_features_of(built, clip, drawn) for clip in clips]
    if not found:
        raise BenchError("expected real clips as reference, got none")
    return stack(found)


def _features_of(built: SetMetric, clip: Any, drawn: bool) -> FloatArray:
    """Returns the (d,) or (p, d) features of one real clip. Raises BenchError where it has none."""
    if not isinstance(clip, Clip):
        raise BenchError(f"expected real clips as `read_clip` returns them, got {clip!r}")
    domain = "embedded" if drawn else None
    try:
        return built.features(replace(clip, in_domain=in_domain(clip, domain), timing="reference"))
    except (Undefined, Unavailable) as reason:
        hint = "; say in_domain=True where the clips are of the embedded suite" if str(reason) == OUTSIDE else ""
        raise BenchError(
            f"expected real clips that {built.spec.name} can embed, got one without features: {reason}{hint}"
        ) from reason
