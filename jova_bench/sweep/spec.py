"""Reads what a sweep varies from a TOML file and flags, and derives its arms.

    description = "does the mouth-area loss help?"
    model = "jova"              # what is trained; the only one so far
    design = "one-factor"       # or "grid": every combination
    weights = "trained"         # or "shipped": sampling settings alone may vary
    suite = "embedded"
    limit = 48                  # prompts
    sampling_seeds = [0]
    metrics = ["lse_c", "wer"]
    controls = ["real", "shuffled"]   # models that show the scale
    repeat = ["base", "mouth_weight=0"]   # arms that are trained with every seed; the others with the first alone

    [base]                      # settings of the base arm; the model's own where nothing is said
    preset = "ablation"
    mouth_weight = 5

    [factors]                   # values that each takes, the base's own may be among them
    mouth_weight = [0, 1, 2, 5, 10]
    mouth_box = ["off"]

One-factor: the base arm, and one arm for every other value of a factor, all else as in the base.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from jova_bench.errors import BenchError
from jova_bench.files.reading import as_record, read_toml
from jova_bench.formatting.messages import suggest
from jova_bench.formatting.text import setting_text
from jova_bench.records import Id, Profile, Record, Seed
from jova_bench.sweep.model import Setting, Settings, SweptModel, Value

BUILTIN = Path(__file__).parent / "builtin"
BASE = "base"
Design = Literal["one-factor", "grid"]


class SweepSpec(Record):
    """Defines the fields of a sweep file; see above."""

    name: Id = "sweep"
    """Name of the results; by default the file's stem."""
    description: str = ""
    model: str = "jova"
    design: Design = "one-factor"
    weights: Literal["trained", "shipped"] = "trained"
    suite: str = "embedded"
    profile: Profile = "embedded"
    limit: int = Field(default=48, ge=1)
    sampling_seeds: tuple[Seed, ...] = Field(default=(0,), min_length=1)
    metrics: tuple[str, ...] = Field(
        default=("lse_c", "lse_d", "sync_within_1", "mouth_audio_corr", "wer"), min_length=1
    )
    controls: tuple[str, ...] = ("real", "codec", "shuffled")
    repeat: tuple[str, ...] | None = None
    """None for all arms."""
    base: Mapping[str, Value] = Field(default_factory=dict)
    factors: Mapping[str, tuple[Value, ...]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Arm:
    """Holds a value of every setting."""

    label: str
    """`base`, or what differs from it: `mouth_weight=0, fusion=none`."""
    settings: Settings
    """Every setting of the model."""
    changed: Settings
    """Settings that differ from the base."""


def built_in() -> tuple[str, ...]:
    """Returns the names of the sweeps that ship with the package."""
    return tuple(sorted(path.stem for path in BUILTIN.glob("*.toml")))


def read_spec(name_or_file: str) -> SweepSpec:
    """Reads a built-in sweep by name, or a file.

    Raises:
        BenchError: there is no such sweep, or the file is broken.
    """
    path = BUILTIN / f"{name_or_file}.toml"
    if name_or_file not in built_in():
        path = Path(name_or_file)
        if not path.is_file():
            hint = suggest(name_or_file, built_in())
            raise BenchError(f"expected a sweep's name or a TOML file, got {name_or_file!r}; {hint}")
    return as_record(SweepSpec, {"name": path.stem, **read_toml(path)}, str(path))


def arms_of(spec: SweepSpec, model: SweptModel) -> tuple[Arm, ...]:
    """Returns the arms of a sweep, the base first, all distinct.

    Raises:
        BenchError: a setting that the model lacks, a wrong value, or a sweep that varies nothing.
    """
    known = {setting.name: setting for setting in model.settings}
    base = {name: setting.default for name, setting in known.items()}
    base |= {name: _setting(known, name).checked(value) for name, value in spec.base.items()}
    factors = {
        name: tuple(dict.fromkeys(_setting(known, name).checked(value) for value in values))
        for name, values in spec.factors.items()
    }
    if spec.weights == "shipped":
        for name in (*spec.base, *factors):
            if not known[name].sampling:
                sampling = ", ".join(setting.name for setting in model.settings if setting.sampling)
                raise BenchError(f"expected sampling settings for shipped weights ({sampling}), got {name!r}")
    points = _grid(factors) if spec.design == "grid" else _one_factor(factors)
    arms = [_arm(base, {})] + [_arm(base, point) for point in points]
    unlike = {arm.label: arm for arm in arms}
    if len(unlike) < 2:
        names = ", ".join(known)
        raise BenchError(f"expected a factor with values other than the base's, got none; factors are: {names}")
    return tuple(unlike.values())


def repeated(spec: SweepSpec, arms: Sequence[Arm]) -> frozenset[str]:
    """Returns the labels of the arms that are trained with every seed.

    Raises:
        BenchError: `repeat` names an arm that is not there.
    """
    labels = [arm.label for arm in arms]
    return frozenset(labels if spec.repeat is None else picked(spec.repeat, arms))


def picked(wanted: Sequence[str], arms: Sequence[Arm]) -> tuple[str, ...]:
    """Checks and returns labels of arms.

    Raises:
        BenchError: no arm has such a label.
    """
    labels = [arm.label for arm in arms]
    for label in wanted:
        if label not in labels:
            raise BenchError(f"expected an arm of this sweep, got {label!r}; known are: {'; '.join(labels)}")
    return tuple(wanted)


def _setting(known: Mapping[str, Setting], name: str) -> Setting:
    if name not in known:
        raise BenchError(f"expected a setting of the model, got {name!r}; known are: {', '.join(known)}")
    return known[name]


def _one_factor(factors: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    return [{name: value} for name, values in factors.items() for value in values]


def _grid(factors: Mapping[str, Sequence[Value]]) -> list[dict[str, Value]]:
    return [dict(zip(factors, point, strict=True)) for point in itertools.product(*factors.values())]


def _arm(base: Mapping[str, Value], point: Mapping[str, Value]) -> Arm:
    changed = {name: value for name, value in point.items() if value != base[name]}
    label = ", ".join(f"{name}={setting_text(value)}" for name, value in changed.items()) or BASE
    return Arm(label, {**base, **changed}, changed)
