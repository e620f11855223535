"""Reproducible evaluation of joint video-audio generation.

`run` and `score` do what the commands of the same names do. Importing the package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jova_bench.runner import Result, run, score

__version__ = "0.1.0"

__all__ = ["Result", "__version__", "run", "score"]


def __getattr__(name: str) -> Any:
    """Imports the runner when one of its names is first used."""
    if name in ("Result", "run", "score"):
        from jova_bench import runner

        return getattr(runner, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
