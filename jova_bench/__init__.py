"""Reproducible evaluation of joint video-audio generation.

`run`, `score` and `compare` do what the commands of the same names do. Importing the package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jova_bench.comparison.compare import Comparisons, compare
    from jova_bench.runs.run import Result, run, score

__version__ = "0.1.0"

__all__ = ["Comparisons", "Result", "__version__", "compare", "run", "score"]

_HOMES = {
    "Comparisons": "comparison.compare",
    "Result": "runs.run",
    "compare": "comparison.compare",
    "run": "runs.run",
    "score": "runs.run",
}


def __getattr__(name: str) -> Any:
    """Imports the module of a public name when it is first used."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"jova_bench.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
