"""Checks a user's model and what it returns: a mistake is one line, never a traceback."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.ids import check_id
from jova_bench.models.base import Generated, Generator, Media
from jova_bench.records import Timing
from jova_bench.registry import unfit

METHODS: Mapping[str, int] = {"check": 0, "plan": 2, "generate": 3}
"""What a model must have, and the number of arguments of each."""
OPTIONAL: Mapping[str, int] = {"close": 0, "keep_in": 1, "forget": 2}
"""What it may have."""
NEEDS = ("reference", "image", "audio", "edit")
"""What a prompt can have beside its captions."""


def given_model(model: object) -> Generator:
    """Returns an object as the model that it is. Raises BenchError where it is none: expected, got, what to do."""
    if isinstance(model, type):
        raise BenchError(f"expected a model, got the class {model.__name__}; make one of it: {model.__name__}(...)")
    if not hasattr(type(model), "generate") and not hasattr(model, "generate") and not hasattr(model, "plan"):
        raise BenchError(
            f"expected names of models, or objects with the interface of `Generator`, got {shown(model)}; "
            "`list_models()` shows them"
        )
    try:
        why = unfit_model(model)
    except (Exception, SystemExit) as error:
        why = f"expected attributes that can be read, got {type(error).__name__}: {error}"
    if why:
        raise BenchError(
            f"the model {type(model).__name__}: {' '.join(why.split())}; docs/model.md of our repository has an example"
        )
    return cast(Generator, model)


def unfit_model(model: Any) -> str | None:
    """Returns why an object does not have the interface of `Generator`; None where it does."""
    for name in ("name", "batch_size", "needs"):
        if not hasattr(model, name):
            return f"expected an attribute `{name}`, got {type(model).__name__} without it"
    if why := _unfit_name(model.name):
        return why
    if type(model.batch_size) is not int or model.batch_size < 1:
        return f"expected `batch_size`, a whole number of at least 1, got {shown(model.batch_size)}"
    if not isinstance(model.needs, tuple | list) or not set(map(str, model.needs)) <= set(NEEDS):
        return f"expected `needs`, a tuple of texts out of {', '.join(NEEDS)}, got {shown(model.needs)}"
    if why := unfit(model, METHODS):
        return why
    if why := unfit(model, {name: count for name, count in OPTIONAL.items() if hasattr(model, name)}):
        return why
    count = getattr(model, "at_once", None)
    if count is not None and (type(count) is not int or count < 1):
        return f"expected `at_once`, a whole number of at least 1, got {shown(count)}"
    for name in ("edits_files", "reads_files"):
        if not isinstance(getattr(model, name, False), bool):
            return f"expected `{name}`, True or False, got {shown(getattr(model, name))}"
    return _unfit_settings(getattr(model, "settings", {}))


def _unfit_name(name: object) -> str | None:
    if not isinstance(name, str):
        return f"expected `name`, a text, got {shown(name)}"
    try:
        same = check_id(name) == name
    except ValueError as error:
        return f"`name`: {error}"
    return None if same else f"expected `name` in composed characters (NFC), got {shown(name)}"


def _unfit_settings(settings: object) -> str | None:
    if not isinstance(settings, Mapping) or not all(isinstance(key, str) for key in settings):
        return f"expected `settings`, names and values, got {shown(settings)}"
    try:
        json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return f"expected `settings` that a JSON file can hold, got one that cannot be written: {error}"
    return None


def unfit_clip(item: object) -> str | None:
    """Returns why what a model yielded is no clip; None where it is one. Arrays are looked at when they are written."""
    if not isinstance(item, Generated):
        return f"expected `generate` to yield a Generated or an exception, got {_kind(item)}"
    if not isinstance(item.media, Media | Path):
        return f"expected `media`, a Media or the Path of a file, got {_kind(item.media)}"
    if isinstance(item.media, Media) and (why := _unfit_media(item.media)):
        return why
    if item.timing not in get_args(Timing):
        return f"expected `timing`, one of {', '.join(get_args(Timing))}, got {shown(item.timing)}"
    for name in ("function_evals", "peak_memory_bytes"):
        count = getattr(item, name)
        if count is not None and (type(count) is not int or count < 0):
            return f"expected `{name}`, a whole number of at least 0 or None, got {shown(count)}"
    for name in ("seconds", "load_s"):
        time = getattr(item, name)
        if time is not None and not (_is_number(time) and 0 <= time < math.inf):
            return f"expected `{name}`, seconds of at least 0 or None, got {shown(time)}"
    return None if isinstance(item.timed, bool) else f"expected `timed`, True or False, got {shown(item.timed)}"


def _unfit_media(made: Media) -> str | None:
    for name in ("frames", "audio"):
        if not isinstance(getattr(made, name), np.ndarray | None):
            return f"expected `{name}`, a numpy array or None, got {_kind(getattr(made, name))}"
    if made.frames is not None and not _is_number(made.fps, Fraction):
        return f"expected `fps`, a Fraction or a number, got {shown(made.fps)}"
    if made.audio is not None and not _is_number(made.sample_rate_hz, np.integer):
        return f"expected `sample_rate_hz`, a whole number, got {shown(made.sample_rate_hz)}"
    if not isinstance(made.layout, tuple | list) or not all(isinstance(place, str) for place in made.layout):
        return f"expected `layout`, a tuple of texts, got {shown(made.layout)}"
    return None


def _is_number(value: object, *more: type) -> bool:
    return isinstance(value, (int, float, *more)) and not isinstance(value, bool)


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
