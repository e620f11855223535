"""Reads manifests of schema 1 as ones of schema 2: adds the keys that there were not, and reads settings out of notes.

In schema 1 a plan said in words what made its clip (`euler, 25 steps, ...`). For the models that shipped then, these
words are read here, so that a model may say them otherwise now. Those of other models are not known: such a plan keeps
its words alone, and a new one has to have the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Settings = tuple[dict[str, Any], str | None]
"""Settings and weights of a plan."""
PLAN_KEYS = ("settings", "weights")
"""What plans have since schema 2. All else came while the number was 1, so that a file may have it or not."""


def as_schema_2(value: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the object of a file of schema 1 with the keys of schema 2.

    The first version's keys are not added: a file without one of them is broken. What is no object stays as it is, for
    the record to refuse.
    """
    fairness = value.get("fairness")
    added = {
        "models": _each(value.get("models"), _model),
        "fairness": {"settings": {}, **fairness} if isinstance(fairness, Mapping) else fairness,
        "provenance": _each(value.get("provenance"), lambda one: {"device_name": None, **one}),
    }
    return {
        **{"question": None, "specs": [], **value, "schema": 2},
        **{key: new for key, new in added.items() if key in value},
    }


def keys_of_schema_2(value: Mapping[str, Any]) -> str | None:
    """Returns the place of the first key that no file of schema 1 has, as `models.NAME.plans.ID.KEY`; None if none."""
    models = value.get("models")
    for name, model in models.items() if isinstance(models, Mapping) else ():
        plans = model.get("plans") if isinstance(model, Mapping) else None
        for prompt_id, plan in plans.items() if isinstance(plans, Mapping) else ():
            for key in PLAN_KEYS:
                if isinstance(plan, Mapping) and key in plan:
                    return f"models.{name}.plans.{prompt_id}.{key}"
    return None


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Changes the objects in an object or a list."""
    if isinstance(value, Mapping):
        return {key: change(one) if isinstance(one, Mapping) else one for key, one in value.items()}
    if isinstance(value, list):
        return [change(one) if isinstance(one, Mapping) else one for one in value]
    return value


def _model(value: Mapping[str, Any]) -> dict[str, Any]:
    asked = value.get("asked")
    found = {"settings": {}, **value}
    if "plans" in value:
        found["plans"] = _each(value["plans"], lambda plan: _plan(asked, plan))
    return found


def _plan(asked: Any, value: Mapping[str, Any]) -> Mapping[str, Any]:
    if "why_not" in value:
        return value
    note = value.get("note")
    settings, weights = _settings_of(asked, note) if isinstance(asked, str) and isinstance(note, str) else (None, None)
    return {"audio": None, "settings": settings, "weights": weights, **value}


def _settings_of(asked: str, note: str) -> tuple[dict[str, Any] | None, str | None]:
    """Returns the settings in a model's note, by the model's name in the command; None for unknown words."""
    read = READERS.get("clips:" if asked.startswith("clips:") else asked)
    found = read(note) if read else None
    return (None, None) if found is None else found


def _fixed_note(words: str, settings: dict[str, Any]) -> Callable[[str], Settings | None]:
    return lambda note: (settings, None) if note == words else None


SAMPLING = re.compile(
    r"(?P<sampler>\w+), (?P<steps>\d+) steps, guidance (?P<guidance>\d+\.\d+) until t = (?P<guided_until>\d+\.\d+), "
    r"(?:no image|image (?P<image>.+?)), (?:(?P<precision>bfloat16), )?weights (?P<weights>[0-9a-f]{12})"
)


def _jova(note: str) -> Settings | None:
    match = SAMPLING.fullmatch(note)
    if match is None:
        return None
    found = {key: text for key, text in match.groupdict().items() if text is not None}
    weights = found.pop("weights")
    numbers = {"steps": int(found["steps"])} | {key: float(found[key]) for key in ("guidance", "guided_until")}
    return {"image": "none", **found, **numbers}, weights


def _cascade(note: str) -> Settings | None:
    match = re.fullmatch(r"speech: (.+); picture driven by it: weights ([0-9a-f]{12})", note)
    speech = _jova(match[1]) if match else None
    return (speech[0], f"{speech[1]}, then {match[2]}") if match and speech else None


def _codec(note: str) -> Settings | None:
    match = re.fullmatch(r"real clip, encoded and decoded, weights ([0-9a-f]{12})", note)
    return ({}, match[1]) if match else None


def _file(note: str) -> Settings | None:
    match = re.fullmatch(r"file .+, sha256 ([0-9a-f]{16})", note)
    return ({"file_sha256": match[1]}, None) if match else None


READERS: Mapping[str, Callable[[str], Settings | None]] = {
    **dict.fromkeys(
        ("jova", "jova-image", "jova-bfloat16", "jova-ablation", "twin-towers", "independent-towers"), _jova
    ),
    "cascade": _cascade,
    "codec": _codec,
    "clips:": _file,
    "real": _fixed_note("the reference file itself", {}),
    "silence": _fixed_note("real picture, digital silence", {"audio": "zeros"}),
    "still": _fixed_note("first frame repeated, real audio", {"frame": 0}),
    "shuffled": _fixed_note(
        "real picture, real audio of another prompt, cut or padded with silence to the picture's length",
        {"audio": "another prompt", "seed": 20251213},
    ),
    "shifted": _fixed_note(
        "real clip, audio 5 frames of 25 fps (0.2 s) earlier than the picture", {"audio_frames_early": 5}
    ),
}
"""Reader of the words that a model said in schema 1, by its name."""
