"""Checks what a user gives to the Python interface, so that a mistake is one line and no traceback of ours."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, cast

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.errors import BenchError
from jova_bench.files.paths import at_home
from jova_bench.formatting.messages import shown
from jova_bench.metrics.base import ClipMetric, SetMetric
from jova_bench.metrics.build import unfit_metric
from jova_bench.models.check import given_model
from jova_bench.models.registry import with_folder
from jova_bench.progress import Progress, Terminal
from jova_bench.suites.loading import Suite, load_suite

if TYPE_CHECKING:
    import torch

PathLike = str | os.PathLike[str]
AnyMetric = ClipMetric | SetMetric
Device = Union[str, "torch.device"]


def several(value: Any) -> list[Any]:
    """Makes one thing a list of one, a sequence a list."""
    one = isinstance(value, str | bytes) or getattr(value, "ndim", None) == 0  # An array of no axes is one number.
    return list(value) if isinstance(value, Iterable) and not one else [value]


def models_of(value: Any) -> list[Any]:
    """Returns names of models and objects that generate. Raises BenchError for anything else."""
    return [_named(one) if isinstance(one, str) else given_model(one) for one in several(value)]


def _named(model: str) -> str:
    """Returns the name of a model; the folder of a `NAME:DIR` may begin with `~`."""
    if ":" not in model:
        _one_name("models", model)
    with_folder(model, partial(path_of, f"the folder of {shown(model)}"))
    return with_folder(model, at_home) if ":~" in model else model


def _one_name(kind: str, text: str) -> None:
    """Raises BenchError for names in one text with commas, as commands take them; an identity has commas of its own."""
    if "," in text and "{" not in text:
        names = [name.strip() for name in text.split(",")]
        raise BenchError(f"expected {kind}= as one name or a list of names, got {shown(text)}; give {shown(names)}")


def metrics_of(value: Any) -> list[Any] | None:
    """Returns names of metrics and metric objects, None for None. Raises BenchError for anything else."""
    if value is None:
        return None
    found = several(value)
    for one in found:
        if isinstance(one, str):
            _one_name("metrics", one)
            continue
        if isinstance(one, type):
            raise BenchError(f"expected a metric, got the class {one.__name__}; make one of it: {one.__name__}(...)")
        if not hasattr(one, "spec"):
            raise BenchError(f"expected names of metrics, or metrics, got {shown(one)}; `list_metrics()` shows them")
        if why := unfit_metric(one):
            raise BenchError(
                f"the metric {type(one).__name__}: {why}; docs/plugins.md of our repository has an example"
            )
    return found


def seeds_of(value: Any) -> list[int]:
    """Returns whole numbers of one or several. Raises BenchError for anything else."""
    return [whole_number("seeds", one) for one in several(value)]


def whole_number(name: str, value: Any) -> int:
    """Returns an argument as a whole number: of Python, numpy or torch. Raises BenchError for anything else."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise BenchError(f"expected {name}= as a whole number, got {shown(value)}") from None


def whole_or_none(name: str, value: Any) -> int | None:
    """Returns `whole` of an argument, None for None."""
    return None if value is None else whole_number(name, value)


def flag(name: str, value: Any) -> bool:
    """Returns an argument that is True or False. Raises BenchError for anything else."""
    if not isinstance(value, bool):
        raise BenchError(f"expected {name}= True or False, got {shown(value)}")
    return value


def progress_of(value: Any) -> Progress | None:
    """Returns what shows progress: as the commands do for True, None for False. Raises BenchError for anything else."""
    if value is None or isinstance(value, bool):
        return Terminal() if value else None
    if isinstance(value, type) or not all(callable(getattr(value, name, None)) for name in ("say", "phase")):
        raise BenchError(f"expected progress= True, False or an object with `say` and `phase`, got {shown(value)}")
    return cast(Progress, value)


def path_of(name: str, value: Any) -> Path:
    """Returns an argument as a path; `~` is the home folder. Raises BenchError if it is none."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value) or "\0" in str(value):
        raise BenchError(f"expected {name} as a path, got {shown(value)}")
    path = at_home(value)
    try:
        path.exists()
    except (OSError, ValueError) as error:  # A name too long, half a character.
        why = error.strerror if isinstance(error, OSError) else error
        raise BenchError(f"expected {name} as a path, got {shown(value)}: {why}") from error
    return path


def device_of(value: Any) -> Any:
    """Returns a `torch.device` by its name; anything else as it is, for what checks the names of devices."""
    torch = sys.modules.get("torch")  # A device exists only where torch was imported.
    return str(value) if torch and isinstance(value, torch.device) else value


def assets_of(value: Any) -> AssetTable:
    """Returns the table of weights of a file, that of the environment for None. Raises BenchError for anything else."""
    return asset_table(None if value is None else path_of("assets=", value))


def suite_of(value: Any) -> Suite:
    """Returns a suite as it is; loads one of a name or a path. Raises BenchError for anything else."""
    if isinstance(value, Suite):
        return value
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise BenchError(f"expected the name of one suite, a path or a Suite, got {shown(value)}; see `list_suites()`")
    return load_suite(at_home(value) if os.fspath(value).startswith("~") else os.fspath(value))
