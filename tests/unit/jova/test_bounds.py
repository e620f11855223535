"""Numbers of configs: each has a range, and nothing outside of it is taken."""

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, get_args, get_origin

import pytest

from jova.bounds import Range, kinds_of
from jova.config import PRESETS
from jova.training.config import TrainConfig
from jova.training.tables import MachineTable, SamplesTable
from jova.training.vae_loss import VaeTraining

CONFIGS = (
    TrainConfig(steps=5),
    VaeTraining(steps=5),
    SamplesTable(every=5, prompts=Path("prompts.jsonl")),
    MachineTable(peak_flops=1e9),
    PRESETS["tiny"](("red",)),
)


def ranges(kind):
    """The range of each number in a type, None for one without."""
    if get_origin(kind) is Annotated:
        return [get_args(kind)[1]]
    if kind in (int, float, Fraction):
        return [None]
    return [found for part in get_args(kind) for found in ranges(part)]


def test_a_range_is_read_as_it_is_written():
    assert 1 in Range(1, 3)
    assert Fraction(1, 2) in Range(0, 1, above=True)
    assert not any(value in Range(0, 1, above=True) for value in (0, -1, 1.1, math.nan, math.inf, -math.inf, 10**400))
    assert str(Range(0, 1, above=True)) == "above 0 and at most 1"
    assert str(Range(1, 10**9)) == "from 1 to 1,000,000,000"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_every_number_has_a_range_and_is_held_to_it(config):
    numbers = {name: found for name, kind in kinds_of(type(config)).items() if (found := ranges(kind))}
    assert numbers
    for name, (limits,) in numbers.items():
        assert limits is not None, name
        outside = (math.nan, math.inf, -math.inf, "1", True, limits.least if limits.above else limits.least - 1)
        for value in (*outside, limits.most + 1 if limits.most < 1e15 else math.inf, 10**400):
            wrong = (value,) if isinstance(getattr(config, name), tuple) else value
            with pytest.raises(ValueError, match=f"expected {name} to be a (whole )?number"):
                replace(config, **{name: wrong})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"batch": 6, "accumulate": 4, "draw": "example"}, "expected accumulate to divide the batch of 6, got 4"),
        ({"trains": "audio", "audio_weight": 0.0}, r"loss of what is trained \(audio\), got video_weight 1 and audio"),
        ({"edit_share": 0.5, "mouth_box": "off"}, "expected mouth_box mouth for a training with edits"),
    ],
)
def test_numbers_of_a_training_fit_each_other(fields, said):
    with pytest.raises(ValueError, match=said):
        TrainConfig(steps=5, **fields)


def test_crops_of_a_vae_are_whole_cells_and_groups():
    for name, value in (("crop", 20), ("frames", 8)):
        with pytest.raises(ValueError, match=f"expected {name}.* got {value}"):
            VaeTraining(steps=5, **{name: value})
