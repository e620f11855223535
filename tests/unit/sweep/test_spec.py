"""What a sweep varies: files, flags, arms, and the digests that tell arms apart."""

from dataclasses import replace
from pathlib import Path

import pytest

from jova_bench.assets.table import asset_table
from jova_bench.errors import BenchError
from jova_bench.suites.loading import load_suite
from jova_bench.sweep.model import Setting, swept_model
from jova_bench.sweep.plan import planned
from jova_bench.sweep.spec import SweepSpec, arms_of, built_in, picked, read_spec

SETTINGS = (
    Setting("size", "small", "of the model", ("small", "large")),
    Setting("weight", 5.0, "of the loss", least=0),
    Setting("steps", 100, "of the optimiser", least=1),
    Setting("fast", False, "whether it hurries"),
    Setting("guidance", 3.0, "scale", least=0, sampling=True),
)


class Model:
    name = "model"
    settings = SETTINGS

    def __init__(self, version="1"):
        self.version = version

    def made_by(self, shipped):
        return {"version": self.version, "shipped": str(shipped)}


def spec(**fields):
    return SweepSpec(metrics=("loudness",), **fields)


def labels(**fields):
    return [arm.label for arm in arms_of(spec(**fields), Model())]


def jobs(of=None, model=None, seeds=(0,), limit=4, **fields):
    made = of or spec(limit=limit, **fields)
    model = model or Model()
    return planned(
        made, model, load_suite("embedded"), arms_of(made, model), seeds, Path("out"), None, asset_table()
    ).jobs


def test_one_factor_at_a_time_is_the_base_and_every_other_value():
    factors = {"weight": (0, 5, 10), "size": ("large",)}
    assert labels(factors=factors) == ["base", "weight=0", "weight=10", "size=large"]
    arms = arms_of(spec(factors=factors, base={"steps": 7}), Model())
    assert [arm.settings["steps"] for arm in arms] == [7] * 4
    assert arms[1].settings == {"size": "small", "weight": 0.0, "steps": 7, "fast": False, "guidance": 3.0}
    assert arms[3].changed == {"size": "large"}


def test_a_grid_is_every_combination_once():
    found = labels(factors={"weight": (5, 0), "size": ("small", "large")}, design="grid")
    assert found == ["base", "size=large", "weight=0", "weight=0, size=large"]


def test_the_base_of_a_file_shifts_what_differs_from_it():
    assert labels(base={"weight": 0}, factors={"weight": (0, 5)}) == ["base", "weight=5"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"factors": {"wait": (1,)}}, "'wait'; known are: size, weight, steps, fast, guidance"),
        ({"base": {"wait": 1}, "factors": {"weight": (1,)}}, "'wait'; known are"),
        ({"factors": {"size": ("larg",)}}, "one of small, large, got 'larg'; did you mean 'large'"),
        ({"factors": {"weight": ("much",)}}, "a number as weight"),
        ({"factors": {"weight": (True,)}}, "a number as weight"),
        ({"factors": {"weight": (-1,)}}, "weight to be at least 0, got -1"),
        ({"factors": {"steps": (1.5,)}}, "a whole number as steps"),
        ({"factors": {"steps": (0,)}}, "steps to be at least 1, got 0"),
        ({"factors": {"fast": (1,)}}, "true or false as fast"),
        ({"factors": {"weight": (5,)}}, "values other than the base's"),
        ({}, "values other than the base's"),
        ({"weights": "shipped", "factors": {"weight": (1,)}}, "sampling settings for shipped weights (guidance)"),
    ],
)
def test_wrong_names_and_values_are_told_with_the_known_ones(fields, said):
    with pytest.raises(BenchError) as error:
        arms_of(spec(**fields), Model())
    assert said in str(error.value)
    assert error.value.exit_code == 2


def test_values_in_flags_are_read_as_their_settings_kind():
    read = {setting.name: setting.read for setting in SETTINGS}
    assert (read["weight"]("0.5"), read["steps"]("7"), read["fast"]("true"), read["size"]("large")) == (
        0.5, 7, True, "large",
    )  # fmt: skip
    for name, text in (("weight", "much"), ("steps", "1.5"), ("fast", "yes"), ("size", "huge")):
        with pytest.raises(BenchError, match=f"as {name}|{name} to be one of"):
            read[name](text)


def test_files_are_read_and_their_faults_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('limit = 3\n[factors]\nweight = [0, 1]\nsize = ["large"]\n')
    found = read_spec(str(path))
    assert (found.name, found.limit, found.factors) == ("mine", 3, {"weight": (0, 1), "size": ("large",)})
    for text, said in (
        ("limit = 0", "limit: expected greater than or equal to 1"),
        ("limits = 3", "limits: unknown field; did you mean 'limit'"),
        ("limit = ", "expected TOML"),
        ('design = "all"', "design: expected 'one-factor' or 'grid'"),
    ):
        path.write_text(text)
        with pytest.raises(BenchError) as error:
            read_spec(str(path))
        assert said in str(error.value)
    with pytest.raises(BenchError, match="got 'mouth-los'; did you mean 'mouth-loss'"):
        read_spec("mouth-los")


def test_the_digest_of_a_training_holds_every_setting_that_shapes_it_and_no_other():
    (base, *_) = jobs(factors={"weight": (0,)})
    same = jobs(factors={"weight": (0, 1)}, description="another", design="grid")[0]
    assert (same.key, same.run) == (base.key, base.run)
    guided = jobs(factors={"weight": (0,)}, base={"guidance": 2})[0]
    assert guided.key == base.key
    assert guided.run != base.run
    others = [
        jobs(factors={"weight": (0,)})[1],
        jobs(factors={"weight": (0,)}, base={"steps": 99})[0],
        jobs(factors={"weight": (0,)}, seeds=(1,))[0],
        jobs(factors={"weight": (0,)}, model=Model("2"))[0],
    ]
    assert len({base.key, *(one.key for one in others)}) == 5
    fewer = jobs(factors={"weight": (0,)}, limit=3)[0]
    assert fewer.key == base.key
    assert fewer.run != base.run


def test_seeds_beyond_the_first_go_to_the_repeated_arms():
    found = jobs(factors={"weight": (0, 1)}, repeat=("base", "weight=0"), seeds=(3, 4))
    assert [(job.arm.label, job.seed) for job in found] == [
        ("base", 3), ("weight=0", 3), ("weight=1", 3), ("base", 4), ("weight=0", 4),
    ]  # fmt: skip
    everywhere = jobs(factors={"weight": (0,)}, seeds=(0, 1))
    assert [(job.arm.label, job.seed) for job in everywhere] == [
        ("base", 0), ("weight=0", 0), ("base", 1), ("weight=0", 1),
    ]  # fmt: skip
    with pytest.raises(BenchError, match="an arm of this sweep, got 'weight=7'; known are: base; weight=0"):
        jobs(factors={"weight": (0,)}, repeat=("weight=7",))
    with pytest.raises(BenchError, match="different training seeds"):
        jobs(factors={"weight": (0,)}, seeds=(1, 1))


def test_shipped_weights_have_no_training():
    found = jobs(weights="shipped", factors={"guidance": (1, 3)}, seeds=(0, 1))
    assert [(job.arm.label, job.seed, job.training) for job in found] == [
        ("base", None, None),
        ("guidance=1", None, None),
    ]
    assert found[0].run != found[1].run


def test_built_in_sweeps_fit_the_model_and_share_their_base():
    jova = swept_model("jova")
    arms = {name: arms_of(read_spec(name), jova) for name in built_in()}
    assert set(arms) == {"mouth-loss", "mouth-curve", "fusion", "cross", "positions", "words", "guidance", "steps"}
    assert [arm.label for arm in arms["mouth-loss"]] == [
        "base", "mouth_weight=0", "mouth_weight=1", "mouth_weight=2", "mouth_weight=10", "mouth_box=off",
    ]  # fmt: skip
    assert [arm.label for arm in arms["fusion"]] == ["base", "fusion=cross", "fusion=none"]
    assert [arm.label for arm in arms["cross"]] == ["base", "fusion=cross"]
    assert [arm.label for arm in arms["positions"]] == ["base", "positions=independent", "positions=offset"]
    assert [arm.label for arm in arms["words"]] == ["base", "words=free"]
    assert [arm.label for arm in arms["mouth-curve"]] == [
        "base", "mouth_weight=0, steps=2500", "mouth_weight=0, steps=5000", "mouth_weight=0",
        "steps=2500", "steps=5000",
    ]  # fmt: skip
    bases = [arms[name][0].settings for name in ("mouth-loss", "fusion", "cross", "positions", "words")]
    assert all(settings == bases[0] for settings in bases)
    assert bases[0]["mouth_weight"] == 5
    for name in built_in():
        repeat = read_spec(name).repeat
        assert repeat is None or picked(repeat, arms[name])


def test_settings_know_a_default_of_their_own_kind():
    for setting in (*SETTINGS, *swept_model("jova").settings):
        assert setting.checked(setting.default) == setting.default
    with pytest.raises(BenchError, match="one of small, large"):
        replace(SETTINGS[0], default="huge").checked("huge")
