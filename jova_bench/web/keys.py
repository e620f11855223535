"""Reads keys from the environment where they are sent, and blots them out of messages: a key is kept nowhere."""

from __future__ import annotations

import json
import os
import re

from jova_bench.errors import BenchError


def key_in(variable: str) -> str:
    """Returns the key in an environment variable; empty without one. Raises BenchError for one that cannot be sent."""
    key = os.environ.get(variable, "").strip()
    if not re.fullmatch(r"[\x21-\x7e]*", key):  # The library's error would show it.
        raise BenchError(f"expected a key of letters, digits and signs of ASCII in {variable}")
    return key


def blotted(text: str, variable: str) -> str:
    """Returns a text for a message, in which the key of a variable does not stand, nor as JSON writes it."""
    if key := os.environ.get(variable, "").strip():
        written = json.dumps(key)[1:-1]
        forms = (written.replace("/", "\\/"), written, key)
        return re.sub("|".join(map(re.escape, forms)), "[key]", text)
    return text
