"""Reads keys from the environment where they are sent, and blots them out of messages: a key is kept nowhere."""

from __future__ import annotations

import json
import os
import re

from jova_bench.errors import BenchError

SHORTEST = 8
"""Signs of a key that is a secret; servers that want none are given `none`, `x` or the like."""


def key_in(variable: str) -> str:
    """Returns the key in an environment variable; empty without one. Raises BenchError for one that cannot be sent."""
    key = os.environ.get(variable, "").strip()
    if not re.fullmatch(r"[\x21-\x7e]*", key):  # The library's error would show it.
        raise BenchError(f"expected a key of letters, digits and signs of ASCII in {variable}")
    return key


def is_in(text: str, variable: str) -> bool:
    """Returns whether the key of a variable stands in a text; what is shorter than 8 signs is no secret."""
    return blotted(text, variable) != text


def blotted(text: str, variable: str) -> str:
    """Returns a text for a message, in which the key of a variable does not stand, nor as JSON writes it.

    One that is shorter than 8 signs is no secret, and stays: without each `x` no message can be read.
    """
    if len(key := os.environ.get(variable, "").strip()) >= SHORTEST:
        written = json.dumps(key)[1:-1]
        forms = (written.replace("/", "\\/"), written, key)
        return re.sub("|".join(map(re.escape, forms)), "[key]", text)
    return text
