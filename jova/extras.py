"""Packages of the extra `diffusers`, imported when something first needs them: it takes seconds, and few need them."""

from __future__ import annotations

import importlib
from typing import Any


def imported(module: str, needed_by: str) -> Any:
    """Imports a module of the extra now.

    Args:
        module: its name.
        needed_by: what needs it, in the plural, for the message.

    Raises:
        ModuleNotFoundError: it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{needed_by} need {error.name}, which is not installed: pip install 'jova-bench[diffusers]'",
            name=error.name,
        ) from None


def in_one_line(error: Exception) -> str:
    """Returns the beginning of an error's message, with its type: messages of these packages have many lines."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
