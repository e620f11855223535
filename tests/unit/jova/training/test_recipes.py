"""Recipes of trainings, and the flags that replace a value of them."""

import argparse

import pytest

import jova.train
from jova.config import PRESETS
from jova.flags import add_train_flags
from jova.training.config import TrainConfig
from jova.training.recipes import RECIPES, read_recipes


def test_every_preset_has_a_recipe():
    assert set(RECIPES) == set(PRESETS)
    assert RECIPES["ablation-patch4"] == RECIPES["ablation"]


def test_a_recipe_names_what_differs_from_the_defaults(tmp_path):
    (tmp_path / "r.toml").write_text('[one]\nclips = 3\ncodec_steps = 4\nsteps = 5\nprecision = "bfloat16"\n')
    (recipe,) = read_recipes(tmp_path / "r.toml").values()
    assert (recipe.clips, recipe.codec_steps) == (3, 4)
    assert recipe.training == TrainConfig(steps=5, precision="bfloat16")
    (tmp_path / "r.toml").write_text("[one]\nclips = 3\ncodec_steps = 4\nsteps = 5\nepochs = 6\n")
    with pytest.raises(TypeError, match="epochs"):
        read_recipes(tmp_path / "r.toml")


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ([], RECIPES["tiny"].training),
        (["--precision", "float32", "--mouth-weight", "0", "--seed", "1"], None),
    ],
)
def test_flags_replace_values_of_the_recipe(tmp_path, monkeypatch, flags, wanted):
    seen = {}
    monkeypatch.setattr(jova.train, "check_files", lambda *a: None)
    monkeypatch.setattr(jova.train, "with_codecs", lambda *a: None)
    monkeypatch.setattr(jova.train, "train_model", lambda *a: seen.update(clips=a[3], training=a[5]))
    parser = argparse.ArgumentParser()
    add_train_flags(parser)
    jova.train.run(parser.parse_args(["--out", str(tmp_path), "--stage", "model", *flags]))
    assert seen["clips"] == RECIPES["tiny"].clips
    if wanted:
        assert seen["training"] == wanted
    else:
        training = seen["training"]
        assert (training.precision, training.mouth_weight, training.seed) == ("float32", 0, 1)
        assert training.steps == RECIPES["tiny"].training.steps
