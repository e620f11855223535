"""Defines the texts and options of a manifest, whose faults say what was expected, what is there and what to write."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator

from jova_baselines.external.render import RENDERERS
from jova_bench.formatting.messages import shown, suggest


def _like(pattern: str, expected: str, advice: str, parse: Callable[[str], object] = str) -> BeforeValidator:
    """Returns the check of a text that matches `pattern` as a whole and that `parse` accepts."""

    def checked(value: Any) -> str:
        try:
            if isinstance(value, str) and re.fullmatch(pattern, value):
                parse(value)
                return value
        except ValueError:
            pass
        raise ValueError(f"expected {expected}, got {shown(value)}; {advice}")

    return BeforeValidator(checked)


def _above_zero(rate: str) -> None:
    if Fraction(rate) <= 0:
        raise ValueError


def _renderer(value: Any) -> str:
    if isinstance(value, str) and value in RENDERERS:
        return value
    raise ValueError(f"expected the name of a prompt renderer, got {shown(value)}; {suggest(str(value), RENDERERS)}")


def _option(value: Any) -> Any:
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"expected true, false, a number or a text, got {shown(value)}; write one value per option")


Option = Annotated[bool | int | float | str, BeforeValidator(_option)]
Renderer = Annotated[str, BeforeValidator(_renderer)]
Commit = Annotated[
    str,
    _like(
        "[0-9a-f]{40}", "the 40 hex digits of a commit",
        "branches and tags move: write what `git rev-parse HEAD` prints in upstream's checkout",
    ),
]  # fmt: skip
Python = Annotated[
    str, _like(r"3\.[0-9]+", "a minor version of Python as a text", 'write it in quotes, such as python = "3.11"')
]
Day = Annotated[
    str,
    _like(
        "[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date as a text", 'write it in quotes, such as "2025-11-15"', date.fromisoformat
    ),
]
Rate = Annotated[
    str,
    _like(
        "[0-9]+([.][0-9]+)?(/0*[1-9][0-9]*)?", "a rate above 0 as a text",
        'write it in quotes, such as "24" or "30000/1001"', _above_zero,
    ),
]  # fmt: skip
Sha256 = Annotated[str, _like("[0-9a-f]{64}", "64 hex digits", "write what `sha256sum FILE` prints")]
Md5 = Annotated[str, _like("[0-9a-f]{32}", "32 hex digits", "write what `md5sum FILE` prints")]
