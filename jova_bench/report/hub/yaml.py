"""Writes YAML as cards have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jova_bench.errors import BenchError


def yaml_text(value: Any) -> str:
    """Returns a value as YAML, keys in the order given. Raises BenchError without the package."""
    try:
        import yaml
    except ImportError as error:
        raise BenchError("not installed: pip install 'jova-bench[report]'") from error
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))


def front_matter(value: Mapping[str, Any]) -> str:
    """Returns the block at the top of a card."""
    return f"---\n{yaml_text(value)}---\n"
